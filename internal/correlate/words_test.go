package correlate

import (
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// TestWhatToDoFitsTheSubject holds that no step asks for what AWS cannot do: a
// temporary key has no status, the root user no name, SAML no URL.
func TestWhatToDoFitsTheSubject(t *testing.T) {
	saml := &incident.Signal{Kind: incident.ProviderDeleted, Target: incident.Principal{Type: incident.Federated, ARN: "arn:aws:iam::111122223333:saml-provider/office"}}
	oidc := &incident.Signal{Kind: incident.ProviderChanged, Target: incident.Principal{Type: incident.Federated, ARN: "arn:aws:iam::111122223333:oidc-provider/token.example.com"}}
	for name, test := range map[string]struct {
		who           incident.Principal
		cut           *incident.Signal
		cause         incident.Cause
		want, without string
	}{
		"a long-term key is switched off":        {incident.Principal{Type: incident.AccessKey, Name: "AKIARTX3GSDS2SECONDG"}, nil, incident.TokenExposed, "aws iam update-access-key", "ResourceName"},
		"a temporary key is traced to its role":  {incident.Principal{Type: incident.AccessKey, Name: "ASIARTX3GSDSVBUILDXH"}, nil, incident.TokenExposed, "AttributeKey=ResourceName,AttributeValue=ASIARTX3GSDSVBUILDXH", "aws iam"},
		"the root user has no name":              {incident.Principal{Type: incident.Account, Name: "111122223333"}, nil, incident.CredentialsAdded, "sign in as root", "--user-name"},
		"a user's additions are removed":         {incident.Principal{Type: incident.User, Name: "gina"}, nil, incident.CredentialsAdded, "delete-login-profile --user-name gina", "root"},
		"a SAML provider has metadata":           {incident.Principal{Type: incident.Role, Name: "app"}, saml, incident.ProviderRemovedByStranger, "create-saml-provider", "open-id"},
		"a provider that was changed still is":   {incident.Principal{Type: incident.Role, Name: "app"}, oidc, incident.ProviderRemovedByStranger, "oidc-provider/token.example.com", "create-"},
		"a provider that is gone is made anew":   {incident.Principal{Type: incident.Role, Name: "app"}, nil, incident.ProviderRemoved, "create-open-id-connect-provider", "saml"},
		"a role's sessions are revoked in place": {incident.Principal{Type: incident.Role, Name: "app"}, nil, incident.UsedFromElsewhere, "put-role-policy --role-name app", "--user-name"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &view{who: test.who}
			if test.cut != nil {
				v.cuts = []*cut{{sig: test.cut}}
			}
			f := &incident.Finding{Account: "111122223333", Partition: "aws", Subject: incident.Subject{Principal: test.who}, Cause: test.cause}
			if test.who.Type == incident.AccessKey {
				f.Subject.AccessKeyIDs = []string{test.who.Name}
			}
			v.words(f, opinion{cause: test.cause})
			steps := strings.Join(f.NextSteps, "\n")
			if !strings.Contains(steps, test.want) || strings.Contains(steps, test.without) {
				t.Errorf("want %q and not %q in:\n%s", test.want, test.without, steps)
			}
		})
	}
}
