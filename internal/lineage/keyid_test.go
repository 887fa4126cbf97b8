package lineage

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// keyIn makes an id that carries an account, as ids made since 2019 do.
func keyIn(prefix string, account, rest uint64) string {
	raw := make([]byte, 10)
	binary.BigEndian.PutUint64(raw, (1<<47|account<<7|rest&0x7f)<<16|rest>>7&0xffff)
	return prefix + base32.StdEncoding.EncodeToString(raw)
}

func TestAccountOfKeyFindsTheAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		account := rapid.Uint64Range(0, 999_999_999_999).Draw(t, "account")
		prefix := rapid.SampledFrom([]string{"AKIA", "ASIA", "AROA", "AIDA"}).Draw(t, "prefix")
		id := keyIn(prefix, account, rapid.Uint64().Draw(t, "rest"))
		suffix := rapid.SampledFrom([]string{"", "C", ":session"}).Draw(t, "suffix")
		got, ok := AccountOfKey(id + suffix)
		if want := fmt.Sprintf("%012d", account); !ok || got != want {
			t.Fatalf("AccountOfKey(%q) = %q, %t, want %q", id+suffix, got, ok, want)
		}
	})
}

func TestAccountOfKeyAdmitsWhatItCannotRead(t *testing.T) {
	for _, tt := range []struct{ name, id string }{
		{"an id from before 2019", "AKIAIOSFODNN7EXAMPLE"},
		{"an invented id that is not base32", "ASIA1111222233334444"},
		{"a masked id", "AKIA****************"},
		{"a shortened id", "AKIAWNIPTZ"},
		{"a policy's id", keyIn("ANPA", 111122223333, 7)},
		{"a prefix that means nothing", keyIn("XXXX", 111122223333, 7)},
		{"an id with line breaks in it", "AKIAQ\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"},
		{"an id with padding in it", "AKIAQQ======Q======="},
		{"an id that is too long", keyIn("AKIA", 111122223333, 7) + "QQ"},
		{"a number that is no account", "AKIA7777777777777777"},
		{"nothing", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if account, ok := AccountOfKey(tt.id); ok || account != "" {
				t.Errorf("AccountOfKey(%q) = %q, %t, want nothing", tt.id, account, ok)
			}
		})
	}
}

func TestIDKind(t *testing.T) {
	for id, want := range map[string]IDType{
		"AKIA1111222233334444":         LongTermKey,
		"ASIA1111222233334444":         TemporaryKey,
		"AROA1111222233334444C:worker": RoleID,
		"AIDA":                         UserID,
		"ASOR1111":                     SignInToken,
		"akia1111":                     UnknownID,
		"ABC":                          UnknownID,
		"":                             UnknownID,
	} {
		if got := IDKind(id); got != want {
			t.Errorf("IDKind(%q) = %q, want %q", id, got, want)
		}
	}
}

func FuzzAccountOfKey(f *testing.F) {
	f.Add("AKIAIOSFODNN7EXAMPLE")
	f.Add("ASIAQ\r\n:x")
	f.Add(keyIn("ASIA", 111122223333, 99))
	f.Fuzz(func(t *testing.T, id string) {
		if account, ok := AccountOfKey(id); ok && len(account) != 12 {
			t.Errorf("AccountOfKey(%q) = %q, which is no account", id, account)
		}
	})
}
