package incident

import "strings"

// Tag is a tag of a role or user, or of one of its sessions.
type Tag struct {
	Key, Value string
}

// Tagging is which tags were put on a role or user, and the keys of those that
// were taken off. Of an issuance it is the session's own tags.
type Tagging struct {
	Put   []Tag
	Taken []string
}

// SameTagKey reports whether two keys name the same tag. IAM keeps the case of a
// key and does not tell keys apart by it.
func SameTagKey(a, b string) bool { return strings.EqualFold(a, b) }

// TagMatch is what a tag has to be: one of the values, with wildcards.
type TagMatch struct {
	Key    string
	Values []string
}

// AWSTag reports whether a key is reserved for AWS: nobody else can put it on a
// role or user, and no call shows it.
func AWSTag(key string) bool { return len(key) > 4 && SameTagKey(key[:4], "aws:") }

// SecretTag reports whether a key says that its value is a secret. Such a value is
// not kept.
func SecretTag(key string) bool {
	key = strings.ToUpper(strings.NewReplacer("_", "", "-", "", ".", "").Replace(key))
	for _, word := range []string{"SECRET", "PASSWORD", "PASSWD", "TOKEN"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
