package correlate

import (
	"fmt"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// advice is what a finding of one cause tells the person who has to act. The
// texts may name {name}, {key}, {account}, {partition}, {arn} and {provider}.
type advice struct {
	says   string   // completes "NAME …", the summary
	steps  []string // what to do now, with the commands
	turns  []string // what would turn the verdict
	attack []string
}

// words fills in the summary, the next steps, what would change the verdict and
// the ATT&CK ids.
func (v *view) words(f *incident.Finding, o opinion) {
	a := advices[f.Cause]
	fill := v.filler(f)
	f.Summary = capital(kindWord(v.who.Type)) + " " + v.who.Name + " " + a.says + v.because(o) + "."
	f.NextSteps = fillAll(fill, v.commands(a.steps))
	if spike, off := offBeat(o); off {
		f.Summary = strings.TrimSuffix(f.Summary, ".") + "; off that beat, " + spike.fact + "."
		f.NextSteps = append([]string{"Begin with the failures off the beat, which the interval does not explain: ask the owner what changed at " + clock(spike.first) + ", and look for a cut-off before it"}, f.NextSteps...)
	}
	f.WouldChange = fillAll(fill, a.turns)
	f.ATTACK = append([]string{}, a.attack...)
	if f.Evidence == nil {
		f.Evidence = []incident.Evidence{}
	}
	if f.CounterEvidence == nil {
		f.CounterEvidence = []incident.Evidence{}
	}
}

// because is the heaviest fact for the verdict, of those that are about the cause
// itself if there are such.
func (v *view) because(o opinion) string {
	fact := ""
	for _, it := range o.counted {
		row := v.table[it.rule]
		if row.Direction != o.verdict || it.cause != o.cause {
			continue
		}
		if row.Cause == o.cause {
			return ": " + it.fact
		}
		if fact == "" {
			fact = ": " + it.fact
		}
	}
	return fact
}

func (v *view) filler(f *incident.Finding) func(string) string {
	key := "KEY"
	if len(f.Subject.AccessKeyIDs) > 0 {
		key = f.Subject.AccessKeyIDs[0]
	}
	provider := "PROVIDER"
	if cut := v.brokenProvider(); cut != nil {
		provider = providerHost(cut)
	}
	return strings.NewReplacer("{partition}", f.Partition, "{name}", quoted(v.who.Name), "{key}", quoted(key), "{account}", f.Account,
		"{arn}", quoted(orWord(f.Subject.ARN, v.who.Name)), "{provider}", quoted(provider)).Replace
}

// quoted makes a name safe to stand in a command. IAM's names are; a workload
// may call itself anything.
func quoted(name string) string {
	unsafe := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+=,.@_:/-", r))
	}
	if name == "" || !strings.ContainsFunc(name, unsafe) {
		return name
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(name, "`", ""), "'", `'\''`) + "'"
}

func fillAll(fill func(string) string, list []string) []string {
	out := make([]string, len(list))
	for n, s := range list {
		out[n] = fill(s)
	}
	return out
}

// commands puts the commands that fit the subject's kind in place of the
// markers.
func (v *view) commands(steps []string) []string {
	var out []string
	for _, s := range steps {
		switch s {
		case "%contain":
			out = append(out, v.contain()...)
		case "%longer":
			if v.who.Type == incident.Role {
				out = append(out, "If the job is longer than the session: let it renew its credentials, or ask for a session as long as the job (`aws iam update-role --role-name {name} --max-session-duration 14400` allows 4 hours)")
			}
		case "%look":
			out = append(out, v.look())
		case "%provide":
			out = append(out, v.provide())
		case "%remove":
			if v.who.Type == incident.User {
				out = append(out, "Then remove what was added: `aws iam delete-access-key --user-name {name} --access-key-id KEY`; `aws iam delete-login-profile --user-name {name}`; and register again the MFA device that was taken away")
			}
		default:
			out = append(out, s)
		}
	}
	return out
}

// revokeNow is the policy that denies every session issued before the command is
// run, quoted for a shell.
const revokeNow = `'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}}]}'`

// contain says how to cut the subject off.
func (v *view) contain() []string {
	switch v.who.Type {
	case incident.Role:
		return []string{"Revoke the role's sessions: `aws iam put-role-policy --role-name {name} --policy-name AWSRevokeOlderSessions --policy-document " + revokeNow + "`"}
	case incident.User:
		return []string{
			"Switch the keys off, do not delete them yet: `aws iam list-access-keys --user-name {name}`; `aws iam update-access-key --user-name {name} --access-key-id KEY --status Inactive`",
			"Sessions made from those keys live on; deny them: `aws iam put-user-policy --user-name {name} --policy-name AWSRevokeOlderSessions --policy-document " + revokeNow + "`",
		}
	case incident.AccessKey:
		return containKey(v.who.Name)
	case incident.Account:
		return []string{"Secure the root user: sign in as root, change its password, delete its access keys and register multi-factor authentication again; AWS Support helps whoever cannot sign in"}
	}
	return []string{"Find which credentials {name} uses, and revoke them"}
}

// containKey says how to cut off a key of which only the id is known. A temporary
// one cannot be switched off by itself.
func containKey(id string) []string {
	if lineage.IDKind(id) == lineage.LongTermKey {
		return []string{
			"Switch the key off, do not delete it yet: `aws iam get-access-key-last-used --access-key-id {key}` names its user; then `aws iam update-access-key --user-name USER --access-key-id {key} --status Inactive`",
			"If no user of this account has it, find the account: `aws sts get-access-key-info --access-key-id {key}`",
		}
	}
	return []string{
		"Find the call that issued the key, and so the role or user whose sessions to revoke, since a temporary key cannot be switched off: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue={key}`",
		"If this account does not know it, find the account: `aws sts get-access-key-info --access-key-id {key}`",
	}
}

// provide says how to make or mend an identity provider again.
func (v *view) provide() string {
	cut := v.brokenProvider()
	saml := cut != nil && strings.HasPrefix(providerHost(cut), "saml-provider/")
	switch {
	case saml && cut.Kind == incident.ProviderChanged:
		return "Put the provider's metadata back: `aws iam update-saml-provider --saml-provider-arn ARN --saml-metadata-document file://metadata.xml`"
	case saml:
		return "Create the provider again, with the metadata of whoever signs the assertions: `aws iam create-saml-provider --name NAME --saml-metadata-document file://metadata.xml`"
	case cut != nil && cut.Kind == incident.ProviderChanged:
		return "Put the provider back as it was: `aws iam get-open-id-connect-provider --open-id-connect-provider-arn arn:{partition}:iam::{account}:oidc-provider/{provider}` shows its audiences and thumbprints"
	}
	return "Create the provider again: `aws iam create-open-id-connect-provider --url https://{provider} --client-id-list sts.amazonaws.com`"
}

// brokenProvider is what was done to the identity provider; nil if nothing was.
func (v *view) brokenProvider() *incident.Signal {
	for _, cu := range v.cuts {
		if cu.sig.Target.Type == incident.Federated && providerHost(cu.sig) != "" {
			return cu.sig
		}
	}
	return nil
}

// look says how to see what the subject's key did.
func (v *view) look() string {
	return "See what the key did: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=AccessKeyId,AttributeValue={key}`"
}

func kindWord(t incident.PrincipalType) string {
	switch t {
	case incident.AccessKey:
		return "access key"
	case incident.Federated:
		return "federated identity"
	}
	return string(t)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func calls(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

// span writes a length of time as exactly as a verdict needs it: to the minute
// from an hour on, to the hour from two days on.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 48*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= time.Hour:
		d = d.Truncate(time.Minute)
	}
	return incident.Span(d)
}

const (
	revert   = "Put the trust policy back: `aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json`"
	askActor = "Ask whoever made the change, by another way than the account's own mail: was it you?"
	listThem = "If it was meant: list the actor under responders or deployers in the configuration"
	cleared  = "the actor turns out to be a responder, a deployer or the owner: then planned_change"
)

// advices are the texts by cause. ATT&CK ids are those that public rules use for
// the same signals (aws-facts 12), in both numberings where they differ.
var advices = map[incident.Cause]advice{
	incident.TrustOpened: {
		"can now be assumed by strangers",
		[]string{revert, "%contain", "Sessions issued through it go on until they expire; list them: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue={arn}`", "If the account is a partner's: list it under trusted_accounts"},
		[]string{"the account or provider admitted is listed as trusted: then planned_change", "a condition on an own organisation or an external id by contract is shown to hold"},
		[]string{"T1098.003", "T1484.002"},
	},
	incident.TrustChangedByStranger: {
		"lost callers after a trust change that nobody known made",
		[]string{askActor, revert, "%contain", listThem},
		[]string{cleared},
		[]string{"T1098.003", "T1531"},
	},
	incident.ProviderRemovedByStranger: {
		"can no longer be federated into, and nobody known removed the identity provider",
		[]string{askActor, "%provide", "See what else the actor did"},
		[]string{cleared},
		[]string{"T1531", "T1484.002"},
	},
	incident.CredentialsAdded: {
		"was given credentials by somebody who is not its owner",
		[]string{"%contain", "%remove", "See what the actor did before and after", listThem},
		[]string{cleared, "the new key is used only from where the user usually is"},
		[]string{"T1098.001", "T1136.003"},
	},
	incident.UsedFromElsewhere: {
		"is used from where it does not belong",
		[]string{"%contain", "%look", "If it is a workload: replace the machine, since its credentials were read there", "If the network is yours: list it under trusted_networks"},
		[]string{"the second network is one of yours (a new egress address, a VPN): then nothing is wrong", "the owner confirms to have moved"},
		[]string{"T1078.004", "T1550.001", "T1552.005"},
	},
	incident.ContainmentEvaded: {
		"was contained, and somebody is trying to get round it",
		[]string{"%contain", "Look for other ways in: keys created, roles assumed and sessions minted by the same principal in the hour before", "%look", "Containment is proven by 30 minutes without a successful call"},
		[]string{"the network or client turns out to be the owner's: then planned_change, its aftermath"},
		[]string{"T1550.001", "T1078.004"},
	},
	incident.ContainmentUndone: {
		"was contained, and the containment was lifted by somebody who should not",
		[]string{"%contain", askActor, "Take away the right to edit its own policies: deny iam:DeleteRolePolicy, iam:PutRolePolicy, iam:DetachUserPolicy and iam:UpdateAccessKey for it", listThem},
		[]string{cleared},
		[]string{"T1098.003", "T1562.001"},
	},
	incident.QuarantinedByAWS: {
		"was quarantined by AWS, which found its key in public",
		[]string{"%contain", "%look", "Find where it was published, and remove it; the quarantine blocks only some actions", "Look for what was started with it: instances, users, roles"},
		[]string{"nothing: AWS has seen the key in public"},
		[]string{"T1552.001", "T1078.004"},
	},
	incident.RevokedByStranger: {
		"lost its sessions to somebody whom nothing known explains",
		[]string{askActor, "If nobody did: treat the actor as compromised and contain it first", "Let the workload take new credentials (restart it, or wait for its renewal)", listThem},
		[]string{cleared, "failures stop after the workload took new credentials and the actor is confirmed"},
		[]string{"T1531"},
	},
	incident.RoleDeletedByStranger: {
		"was deleted by somebody whom nothing known explains, and calls fail since",
		[]string{askActor, "If nobody did: treat the actor as compromised and contain it first", "Create the role again from its source; trust policies elsewhere that name it must be saved again, since its unique id changes", listThem},
		[]string{cleared},
		[]string{"T1531"},
	},
	incident.KeyDisabledByStranger: {
		"lost a key to somebody whom nothing known explains, and calls fail since",
		[]string{askActor, "If nobody did: treat the actor as compromised and contain it first", "If the key is good: `aws iam update-access-key --user-name {name} --access-key-id {key} --status Active`", listThem},
		[]string{cleared, "a replacement key that was created and used before shows up: then it was a rotation"},
		[]string{"T1531"},
	},
	incident.AuditTampering: {
		"records less than it did: somebody changed the trail",
		[]string{"Switch the trail on again, or create it anew: `aws cloudtrail start-logging --name TRAIL`; `aws cloudtrail get-event-selectors --trail-name TRAIL`", "See what the actor did since: `aws cloudtrail lookup-events` (event history goes on without a trail)", "Contain the actor", listThem},
		[]string{cleared},
		[]string{"T1562.008", "T1685.002"},
	},
	incident.TokenExposed: {
		"is exposed: others could read its credential",
		[]string{"%contain", "%look", "Take it away from where it was written, and mend what writes it there", "Let fewer read that place"},
		[]string{"the credential turns out to have expired before it was written: then nothing is left to steal"},
		[]string{"T1552.001", "T1528"},
	},

	incident.TokenExpired: {
		"uses credentials that have expired",
		[]string{"Let the program take new credentials: restart it, or log in again (`aws sso login`)", "If it caches credentials: let the SDK's provider renew them, do not store AccessKeyId and SessionToken yourself", "%longer"},
		[]string{"the key fails although its expiration is still to come: then it was cut off", "the failures recur at an interval: then a refresh bug"},
		nil,
	},
	incident.RefreshBug: {
		"fails at a predictable interval: its refresh logic is broken",
		[]string{"Look at how the program renews its credentials: once at start, or by a timer longer than their lifetime?", "Give the SDK client the credential provider instead of fixed credentials, and keep one client", "Renew at least five minutes before the expiration, and retry once with new credentials"},
		[]string{"failures off the beat, or that stop with a cut-off", "the rhythm is that of a job that was given dead credentials: then it is cut off or misconfigured"},
		nil,
	},
	incident.FederationTokenExpired: {
		"is asked for with an identity provider's token that has expired",
		[]string{"In CI: ask for the OIDC token in the step that uses it, not at the start of a long job", "On EKS: read the token file again for each renewal; old SDKs keep the first one", "With SAML: log in again; the assertion is good for five minutes", "Check the clock of whoever issues the token"},
		[]string{"the provider was removed or changed: then misconfiguration"},
		nil,
	},
	incident.NotRenewed: {
		"was renewed on a clock that has stopped",
		[]string{"See whether the program that renews still runs, and what its last log lines say", "Check that it may still assume the role: `aws sts assume-role --role-arn {arn} --role-session-name check`", "Restart it"},
		[]string{"the workload was shut down on purpose: then nothing is wrong", "a cut-off of the same role shows up"},
		nil,
	},

	incident.ClockSkew: {
		"is refused because its clock is wrong",
		[]string{"Compare the clocks: `date -u`; `curl -sI https://sts.amazonaws.com | grep -i ^date`", "Let the machine keep time (chrony with 169.254.169.123 on EC2); after a suspend, restart the VM's time service", "Signatures are good for five minutes to either side"},
		[]string{"the same machine's other calls succeed at the same time"},
		nil,
	},
	incident.WrongPartitionOrRegion: {
		"is used in a partition or Region where it cannot work",
		[]string{"Check the Region and endpoint that the program uses: `aws configure list`; `echo $AWS_REGION`", "For an opt-in Region: enable it, and let STS issue version 2 tokens (`aws iam set-security-token-service-preferences --global-endpoint-token-version v2Token`) or use a regional STS endpoint", "aws, aws-cn and aws-us-gov share no credentials"},
		[]string{"the same key fails at home as well: then it is dead"},
		nil,
	},
	incident.SessionTokenMissing: {
		"is used without the session token that belongs to it",
		[]string{"Set all three: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; an ASIA key is nothing without the last", "Look for a stale aws_session_token in ~/.aws/credentials, or variables that override one another: `aws configure list`"},
		[]string{"the key fails everywhere: then it was cut off or has expired"},
		nil,
	},
	incident.MalformedCredentials: {
		"is used with a secret or token that AWS refuses",
		[]string{"Check the secret: was it cut, escaped or given a line break on its way?", "Check that key and secret belong together: `aws sts get-caller-identity`", "If something signs by itself: compare with the SDK's signature (`aws --debug`)"},
		[]string{"many different secrets are tried: then somebody guesses"},
		nil,
	},
	incident.ProviderRemoved: {
		"can no longer be federated into, since its identity provider is gone",
		[]string{"%provide", "Or take the role out of use, and tell those who still ask for it"},
		[]string{"nobody known removed the provider: then a compromise until explained"},
		nil,
	},
	incident.OrphanedPrincipal: {
		"trusts an identity that was deleted; one of the same name is another",
		[]string{"Save the trust policy again with the identity's ARN: `aws iam get-role --role-name {name}`; `aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json`", "When an identity must be created anew, save the trust policies that name it in the same change"},
		[]string{"the caller is refused elsewhere too: then it lost its own permissions"},
		nil,
	},
	incident.ImplicitDeny: {
		"makes calls that no policy allows",
		[]string{"See what is missing: `aws iam simulate-principal-policy --policy-source-arn {arn} --action-names ACTION`", "If it lost the right: attach the policy again; if it never had it: grant it, or stop the call"},
		[]string{"the denied calls are many, different, and from a new network: then somebody tries what the key can do", "an explicit deny appears: then it was cut off"},
		nil,
	},
	incident.RoleNotPropagated: {
		"was used before it was known everywhere",
		[]string{"Wait some ten seconds after creating it, and retry with backoff (`aws iam wait role-exists --role-name {name}`)"},
		[]string{"it is still refused after minutes: then its trust policy is wrong"},
		nil,
	},

	incident.RevokedByResponder: {
		"had its sessions revoked by a responder",
		[]string{"Nothing, if the responders know. Let the workloads take new credentials", "Containment is proven by 30 minutes without a successful call"},
		[]string{"denied calls from a new network or client: then somebody tries to get round it"},
		nil,
	},
	incident.KeyDisabledByResponder: {
		"had a key switched off by a responder",
		[]string{"Nothing, if the responders know. Replace the key where it is still used", "Sessions made from the key live on until they expire"},
		[]string{"calls from a new network or client: then somebody tries to get round it"},
		nil,
	},
	incident.ContainmentLifted: {
		"is free again: its containment was lifted by somebody who may",
		[]string{"Nothing to do"},
		[]string{"the contained identity itself lifted it: then a compromise"},
		nil,
	},
	incident.AuditChangedByOwner: {
		"had its trail changed by the owner",
		[]string{"Nothing to do; check that management events are still recorded"},
		[]string{"the actor shows signs of compromise"},
		nil,
	},
	incident.KeyRotated: {
		"had its key rotated",
		[]string{"Nothing, or put the new key where the old one is still used; the evidence names the stragglers"},
		[]string{"the replacement is used from a new network: then somebody took the user over"},
		nil,
	},
	incident.KeyDisabledByOwner: {
		"had a key switched off by its owner",
		[]string{"Nothing, or replace the key where it is still used"},
		[]string{"the owner shows signs of compromise"},
		nil,
	},
	incident.RoleDeletedByOwner: {
		"was deleted by its owner",
		[]string{"Nothing, or stop what still uses it; the evidence names it"},
		[]string{"the actor shows signs of compromise"},
		nil,
	},
	incident.TrustChangedByOwner: {
		"had its trust policy changed by its owner",
		[]string{"Nothing; callers that are refused since need to be told"},
		[]string{"the policy admits strangers", "the actor shows signs of compromise"},
		nil,
	},
	incident.ServiceManaged: {
		"was changed by the AWS service that manages it",
		[]string{"Nothing to do"},
		[]string{"the call turns out not to come from the service"},
		nil,
	},

	incident.UnexplainedFailures: {
		"fails, and nothing known explains it",
		[]string{"Find who issued the key: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue={key}`", "Ask the owner: was it rotated, was its session token left out, is it the right account?", "Look for cut-offs in other Regions and in the management account"},
		[]string{"the issuance: past its expiration it is expiry", "a revocation, deletion or trust change within the hour before: then a compromise until explained", "a recurring interval: then a refresh bug", "use of the same key from a new network: then a compromise"},
		nil,
	},
	incident.UnexplainedRevocation: {
		"was cut off, and nobody known did it",
		[]string{askActor, listThem, "Watch whether anything fails because of it"},
		[]string{cleared, "calls that fail within the hour: then a compromise until explained"},
		[]string{"T1531"},
	},
	incident.UnexplainedDeletion: {
		"was deleted, and nobody known did it",
		[]string{askActor, listThem, "Watch whether anything fails because of it"},
		[]string{cleared, "calls that fail within the hour: then a compromise until explained"},
		[]string{"T1531"},
	},
	incident.UnexplainedTrustChange: {
		"had its trust policy changed in a way that asks for a look",
		[]string{askActor, "Compare with what was meant: `aws iam get-role --role-name {name}`", listThem},
		[]string{cleared, "it admits strangers: then a compromise", "AssumeRole calls that are refused within the hour"},
		[]string{"T1098.003"},
	},
}
