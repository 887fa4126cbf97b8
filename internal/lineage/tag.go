package lineage

import "strings"

// SameTagKey reports whether two keys name the same tag. IAM keeps the case of a
// key and does not tell keys apart by it.
func SameTagKey(a, b string) bool { return strings.EqualFold(a, b) }

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
