package lineage

import "testing"

func TestKeysOfTags(t *testing.T) {
	for key, want := range map[string]struct{ aws, secret bool }{
		"team":              {},
		"aws":               {},
		"awsome:team":       {},
		"aws:createdBy":     {aws: true},
		"AWS:createdBy":     {aws: true},
		"aws:":              {},
		"db-password":       {secret: true},
		"API_Token":         {secret: true},
		"client.secret":     {secret: true},
		"s-e-c-r-e-t":       {secret: true},
		"aws:session-token": {aws: true, secret: true},
		"pass":              {},
	} {
		if AWSTag(key) != want.aws || SecretTag(key) != want.secret {
			t.Errorf("%s is AWS's: %v, names a secret: %v; want %v", key, AWSTag(key), SecretTag(key), want)
		}
	}
	if !SameTagKey("Équipe", "éQUIPE") || SameTagKey("team", "teams") {
		t.Error("keys are told apart by their case, or not at all")
	}
}
