package lineage

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
)

// IDType is what an access key id or one of IAM's unique ids stands for.
type IDType string

const (
	UnknownID       IDType = ""
	LongTermKey     IDType = "long_term_key" // of a user or of the root user
	TemporaryKey    IDType = "temporary_key" // unique only together with its secret and token
	RoleID          IDType = "role"
	UserID          IDType = "user"
	GroupID         IDType = "group"
	InstanceProfile IDType = "instance_profile"
	ManagedPolicy   IDType = "managed_policy"
	PolicyVersion   IDType = "policy_version"
	PublicKey       IDType = "public_key"
	Certificate     IDType = "certificate"
	BearerToken     IDType = "bearer_token"
	ContextSpecific IDType = "context_specific_credential"
	SignInToken     IDType = "sign_in_refresh_token"
)

const (
	// prefixLength is the length of the part of an id that says what it is.
	prefixLength = 4
	// accountChars is how much of an id after its prefix is base32 that holds
	// an account. Keys have no more; a role's or user's id has one more.
	accountChars = 16
)

// IDKind says by its first four characters what id stands for, or UnknownID.
// A whole id, one with a session suffix, or the prefix alone will do.
func IDKind(id string) IDType {
	if len(id) < prefixLength {
		return UnknownID
	}
	return idTypes[id[:prefixLength]]
}

// idTypes are the prefixes that IAM's documentation lists.
var idTypes = map[string]IDType{
	"AKIA": LongTermKey,
	"ASIA": TemporaryKey,
	"AROA": RoleID,
	"AIDA": UserID,
	"AGPA": GroupID,
	"AIPA": InstanceProfile,
	"ANPA": ManagedPolicy,
	"ANVA": PolicyVersion,
	"APKA": PublicKey,
	"ASCA": Certificate,
	"ABIA": BearerToken,
	"ACCA": ContextSpecific,
	"ASOR": SignInToken,
}

// AccountOfKey reads the account out of an access key id, a role's or a user's
// unique id. Ids made since about 2019 carry it; older ones, shortened ones and
// most invented ones do not, and then ok is false.
//
// The scheme is not documented by AWS. It says whose key it is, never that the
// key exists.
func AccountOfKey(id string) (account string, ok bool) {
	switch IDKind(id) {
	case LongTermKey, TemporaryKey, RoleID, UserID:
	default:
		return "", false
	}
	body, _, _ := strings.Cut(id[prefixLength:], ":")
	if len(body) < accountChars || len(body) > accountChars+1 {
		return "", false
	}
	// The top bit of the body tells an id that carries its account from an
	// older one; the account is the 40 bits after it but for the lowest seven.
	raw, err := base32.StdEncoding.DecodeString(body[:accountChars])
	if err != nil || len(raw) < 8 || raw[0]&0x80 == 0 {
		return "", false
	}
	n := binary.BigEndian.Uint64(raw) >> 16
	number := (n & 0x7fffffffff80) >> 7
	if number > 999_999_999_999 {
		return "", false
	}
	return fmt.Sprintf("%012d", number), true
}
