package logline

import "strings"

// keyIDLength is the length of every access key id seen so far, though IAM
// allows 16 to 128 characters. A longer or shorter word that begins like an id
// is not taken for one.
const keyIDLength = 20

// keyIDs lists the first access key ids in s, in order, with their places.
func keyIDs(s string) (ids []string, at []int) {
	for i := 0; i+keyIDLength <= len(s) && len(ids) < maxFound; i++ {
		if s[i] != 'A' || !isKeyIDAt(s, i) {
			continue
		}
		ids, at = append(ids, s[i:i+keyIDLength]), append(at, i)
		i += keyIDLength - 1
	}
	return ids, at
}

func isKeyIDAt(s string, i int) bool {
	if !strings.HasPrefix(s[i:], "AKIA") && !strings.HasPrefix(s[i:], "ASIA") {
		return false
	}
	if i > 0 && (isWord(s[i-1]) || s[i-1] == '+' || s[i-1] == '/') {
		return false
	}
	end := i + keyIDLength
	for _, c := range []byte(s[i:end]) {
		if !('A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return end == len(s) || !isWord(s[end]) && s[end] != '+'
}

func isKeyID(s string) bool { return len(s) == keyIDLength && isKeyIDAt(s, 0) }

// KeyID is the access key id that a text names, if it names one only.
func KeyID(s string) string { return onlyKeyID(s) }

// onlyKeyID is the access key id that s names, if it names one only.
func onlyKeyID(s string) string {
	ids, _ := keyIDs(s)
	if len(ids) == 0 {
		return ""
	}
	for _, id := range ids[1:] {
		if id != ids[0] {
			return ""
		}
	}
	return ids[0]
}

// principal is whose credential failed, as far as the text shows it: the one
// session that it names, or the one role where the call was a federated
// AssumeRole, whose caller has no identity but that role. Any other role or
// user in an error is more likely what the call was about.
func (t text) principal(facts []Fact) string {
	if len(facts) == 0 {
		return ""
	}
	if arn := onlyARN(t.flat, isSessionARN); arn != "" {
		return arn
	}
	for _, f := range facts {
		if f.Operation != webIdentity && f.Operation != saml {
			return ""
		}
	}
	return onlyARN(t.flat, isRoleARN)
}

// onlyARN is the ARN of the wanted sort in s, if there is one only.
func onlyARN(s string, wanted func(string) bool) string {
	only := ""
	for {
		i := strings.Index(s, "arn:aws")
		if i < 0 {
			return only
		}
		s = s[i:]
		arn := strings.TrimRight(s[:arnEnd(s)], ".,:")
		s = s[len("arn:aws"):]
		if !wanted(arn) || arn == only || HoldsSecret(arn) {
			continue
		}
		if only != "" {
			return ""
		}
		only = arn
	}
}

func arnEnd(s string) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isWord(c) && strings.IndexByte("+=,.@-:/", c) < 0 {
			return i
		}
	}
	return len(s)
}

// isSessionARN and isRoleARN demand the form arn:<partition>:<service>::<account>:<kind>/<name>.
func isSessionARN(arn string) bool {
	return isIdentityARN(arn, "sts", "assumed-role/") || isIdentityARN(arn, "sts", "federated-user/")
}

func isRoleARN(arn string) bool { return isIdentityARN(arn, "iam", "role/") }

// isPrincipalARN holds for what our own line may name: a role, a session, a
// user, or the root user.
func isPrincipalARN(arn string) bool {
	return (isSessionARN(arn) || isRoleARN(arn) || isIdentityARN(arn, "iam", "user/") || isRootARN(arn)) && !HoldsSecret(arn)
}

func isRootARN(arn string) bool {
	s, ok := strings.CutSuffix(arn, ":root")
	return ok && isIdentityARN(s+":user/root", "iam", "user/")
}

func isIdentityARN(arn, service, kind string) bool {
	const longest = 2048
	parts := strings.SplitN(arn, ":", 6)
	return len(parts) == 6 && len(arn) <= longest && arnEnd(arn) == len(arn) &&
		parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") && parts[2] == service && parts[3] == "" &&
		isAccountID(parts[4]) && len(parts[5]) > len(kind) && strings.HasPrefix(parts[5], kind)
}

func isAccountID(s string) bool {
	const digits = 12
	if len(s) != digits {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
