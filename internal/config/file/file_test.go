package file

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

func TestLoadNothingSet(t *testing.T) {
	for _, file := range []string{"version: 1\n", "\ufeffversion: 1", "# ours\n---\nversion: 1\n...\n", "version: 1\r\n", "{version: 1}", "version: 1\nthresholds: {}\n", "%YAML 1.2\n---\nversion: 1\n"} {
		got, err := Load("f.yaml", []byte(file))
		if err != nil {
			t.Errorf("Load(%q): %v", file, err)
			continue
		}
		if diff := cmp.Diff(config.Default(), got); diff != "" {
			t.Errorf("Load(%q) (-default +got):\n%s", file, diff)
		}
	}
}

func TestLoadEverything(t *testing.T) {
	const file = `
version: 1
accounts: ["111122223333", '012345678901']
trusted_accounts:
  - "999988887777"
organisations: [o-a1b2c3d4e5]
responders: [IncidentResponder, "arn:aws:iam::*:role/soc/*"]
deployers: ["ci-*"]
trusted_networks: [198.51.100.0/24, "2001:db8::/32"]
change_windows:
  - name: nightly release
    days: [tue, thu]
    from: "22:00"
    until: "02:00"
    actors: [ci-release]
  - name: every morning
    from: 06:00
    until: 06:30
  - name: whole Sundays
    days: [sun]
    from: "00:00"
    until: "24:00"
  - name: migration
    start: 2026-03-01T22:00:00Z
    end: 2026-03-02T04:00:00+02:00
thresholds:
  correlation: 2h
  spike_floor: 6
  spike_window: 10m
  plain_failures: 4
  denials: 7
  refresh_beats: 8
  lateness: 20m
  quiet: 48h
  propagation: 1m30s
  max_evidence: 60
checks:
  max_session: 90m
  oidc_subject: false
  static_credentials: true
  ci_users: [ci-*, github]
suppressions:
  - verdict: misconfiguration
    cause: clock_skew
    subject: "legacy-*"
    account: "111122223333"
    until: 2026-06-30
    reason: the appliance has no clock; it is replaced in June
    author: platform team
  - subject: sandbox
    until: 2026-06-30T12:00:00Z
    reason: >
      a sandbox that
      everybody breaks
routes:
  - name: soc
    type: sqs
    target: arn:aws:sqs:eu-west-1:111122223333:soc-findings
    match: {verdict: compromise, severity: medium}
  - name: platform
    type: email
    target: platform@example.com
    match:
      verdict: [expiry, misconfiguration]
      cause: [refresh_bug, clock_skew]
      account: ["111122223333"]
  - {name: pager, type: https, target: "https://pager.example.com/v1/events"}
  - {name: ticket, type: lambda, target: "arn:aws:lambda:eu-west-1:111122223333:function:ticket"}
  - {name: chat, type: chat, target: "arn:aws:chatbot::111122223333:chat-configuration/slack-channel/soc"}
log_groups:
  - pattern: "/ecs/payments-*"
    workload: payments
    principal: arn:aws:iam::111122223333:role/apps/payments
  - {pattern: "API-Gateway-Execution-Logs_?#.", workload: gateway}
  - {pattern: /ci, principal: "arn:aws-us-gov:iam::111122223333:user/ci@example.com"}
`
	const day = 24 * time.Hour
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	want := config.Config{
		Settings: incident.Settings{
			Accounts:        []string{"111122223333", "012345678901"},
			TrustedAccounts: []string{"999988887777"},
			Organisations:   []string{"o-a1b2c3d4e5"},
			Responders:      []string{"IncidentResponder", "arn:aws:iam::*:role/soc/*"},
			Deployers:       []string{"ci-*"},
			TrustedNetworks: []string{"198.51.100.0/24", "2001:db8::/32"},
			ChangeWindows: []incident.ChangeWindow{
				{Name: "nightly release", Days: []time.Weekday{time.Tuesday, time.Thursday}, From: 22 * time.Hour, Until: day + 2*time.Hour, Actors: []string{"ci-release"}},
				{Name: "every morning", From: 6 * time.Hour, Until: 6*time.Hour + 30*time.Minute},
				{Name: "whole Sundays", Days: []time.Weekday{time.Sunday}, Until: day},
				{Name: "migration", Start: at("2026-03-01T22:00:00Z"), End: at("2026-03-02T02:00:00Z")},
			},
			Thresholds: incident.Thresholds{
				Correlation: 2 * time.Hour, SpikeFloor: 6, SpikeWindow: 10 * time.Minute, PlainFailures: 4, Denials: 7, RefreshBeats: 8,
				Lateness: 20 * time.Minute, Quiet: 48 * time.Hour, Propagation: 90 * time.Second, MaxEvidence: 60,
			},
			Checks: incident.Checks{MaxSession: 90 * time.Minute, StaticCredentials: true, CIUsers: []string{"ci-*", "github"}},
			Suppressions: []incident.Suppression{
				{
					Verdict: incident.Misconfiguration, Cause: incident.ClockSkew, Subject: "legacy-*", Account: "111122223333",
					Until: at("2026-07-01T00:00:00Z"), Reason: "the appliance has no clock; it is replaced in June", Author: "platform team",
				},
				{Subject: "sandbox", Until: at("2026-06-30T12:00:00Z"), Reason: "a sandbox that everybody breaks"},
			},
		},
		Routes: []routing.Route{
			{Name: "soc", Type: routing.SQS, Target: "arn:aws:sqs:eu-west-1:111122223333:soc-findings", Match: routing.Match{Verdicts: []incident.Verdict{incident.Compromise}, Severity: incident.Medium}},
			{Name: "platform", Type: routing.Email, Target: "platform@example.com", Match: routing.Match{
				Verdicts: []incident.Verdict{incident.Expiry, incident.Misconfiguration}, Accounts: []string{"111122223333"}, Causes: []incident.Cause{incident.RefreshBug, incident.ClockSkew},
			}},
			{Name: "pager", Type: routing.HTTPS, Target: "https://pager.example.com/v1/events"},
			{Name: "ticket", Type: routing.Lambda, Target: "arn:aws:lambda:eu-west-1:111122223333:function:ticket"},
			{Name: "chat", Type: routing.Chat, Target: "arn:aws:chatbot::111122223333:chat-configuration/slack-channel/soc"},
		},
		LogGroups: []config.LogGroup{
			{Pattern: "/ecs/payments-*", Workload: "payments", Principal: "arn:aws:iam::111122223333:role/apps/payments"},
			{Pattern: "API-Gateway-Execution-Logs_?#.", Workload: "gateway", Principal: ""},
			{Pattern: "/ci", Workload: "", Principal: "arn:aws-us-gov:iam::111122223333:user/ci@example.com"},
		},
	}
	got, err := Load("f.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	if !got.Settings.ChangeWindows[0].Covers(at("2026-03-04T01:59:59Z")) || got.Settings.ChangeWindows[0].Covers(at("2026-03-05T02:00:00Z").Add(-day)) {
		t.Error("the window over midnight does not cover the night after Tuesday, or more than it")
	}
}

// Each file has one mistake, or several; the error names all, in the order of
// the lines.
func TestLoadReportsProblems(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"nothing in it", "", `f.yaml: the file is empty; begin it with "version: 1", or leave the file out`},
		{"comments only", "# later\n", `f.yaml: the file is empty; begin it with "version: 1", or leave the file out`},
		{"no version", "accounts: []\n", "f.yaml:1:1: key version is missing"},
		{"a version to come", "version: 2\n", `f.yaml:1:10: version: expected 1, the only version of the format so far, got the number "2"`},
		{"a version in quotes", "version: \"1\"\n", "f.yaml:1:10: version: expected 1, the only version of the format so far, got text"},
		{"a list", "- version: 1\n", "f.yaml:1:1: expected a mapping with the keys version, accounts, trusted_accounts, organisations, responders, deployers, trusted_networks, change_windows, thresholds, checks, suppressions, owners, owner_tag, routes and log_groups, got a list"},
		{"an unknown key", "version: 1\ncolour: red\n", `f.yaml:2:1: unknown key "colour"`},
		{"a key that is nearly right", "version: 1\norganizations: []\n", `f.yaml:2:1: unknown key "organizations"; did you mean organisations?`},
		{"a key in another style", "version: 1\ntrustedAccounts: []\n", `f.yaml:2:1: unknown key "trustedAccounts"; did you mean trusted_accounts?`},
		{"an unknown key further in", "version: 1\nthresholds:\n  corelation: 1h\n", `f.yaml:3:3: thresholds: unknown key "corelation"; did you mean correlation?`},
		{"a key given twice", "version: 1\naccounts: []\naccounts: []\n", "f.yaml:3:1: key accounts is given twice; the first is on line 2"},
		{"a key without a value", "version: 1\naccounts:\n", "f.yaml:2:1: key accounts has no value; give it one or remove it"},
		{"a value that stands twice", "version: 1\naccounts: [\"111122223333\",\n  \"111122223333\"]\n", "f.yaml:3:3: accounts[1]: the same value stands on line 2"},
		{"an account without quotes", "version: 1\naccounts: [111122223333]\n", `f.yaml:2:12: accounts[0]: expected an account id: 12 digits in quotes, such as "111122223333"; write it as "111122223333", since a number loses its leading zeros`},
		{"an account with a leading zero and without quotes", "version: 1\naccounts:\n  - 012345678901\n", `f.yaml:3:5: accounts[0]: expected an account id: 12 digits in quotes, such as "111122223333"; write it as "012345678901", since a number loses its leading zeros`},
		{"an account that YAML reads as octal", "version: 1\naccounts:\n  - 012345670123\n", `f.yaml:3:5: accounts[0]: expected an account id: 12 digits in quotes, such as "111122223333"; write it as "012345670123", since a number loses its leading zeros`},
		{"an account of eleven digits", "version: 1\naccounts: ['11112222333']\n", `f.yaml:2:12: accounts[0]: expected an account id: 12 digits in quotes, such as "111122223333", got "11112222333"`},
		{"an organisation", "version: 1\norganisations: [r-ab12]\n", `f.yaml:2:17: organisations[0]: expected an organisation's id, such as o-a1b2c3d4e5, got "r-ab12"`},
		{"an actor with a path", "version: 1\nresponders: [role/soc]\n", `f.yaml:2:14: responders[0]: expected the name of a role or user, or its ARN, with or without wildcards, got "role/soc"; a name stands alone, without a path`},
		{"everybody", "version: 1\nresponders: ['*', 'arn:aws:iam::*:role/*', ci]\n", "f.yaml:2:14: responders[0]: the pattern \"*\" matches everybody; name somebody, or leave the entry out\nf.yaml:2:19: responders[1]: the pattern \"arn:aws:iam::*:role/*\" matches everybody; name somebody, or leave the entry out"},
		{"a service as an actor", "version: 1\ndeployers: [cloudformation.amazonaws.com]\n", "f.yaml:2:13: deployers[0]: expected the name of a role or user, or its ARN, with or without wildcards; AWS services need no entry, CloudTrail itself tells them apart"},
		{"an ARN of something else", "version: 1\ndeployers: ['arn:aws:s3:::bucket']\n", `f.yaml:2:13: deployers[0]: expected the name of a role or user, or its ARN, with or without wildcards, got "arn:aws:s3:::bucket"`},
		{"an address", "version: 1\ntrusted_networks: [198.51.100.7]\n", "f.yaml:2:20: trusted_networks[0]: expected a network in CIDR notation, such as 198.51.100.0/24; a single address is 198.51.100.7/32"},
		{"a network with the bits of a host", "version: 1\ntrusted_networks: [198.51.100.7/24]\n", "f.yaml:2:20: trusted_networks[0]: expected a network in CIDR notation, such as 198.51.100.0/24; did you mean 198.51.100.0/24?"},
		{"the whole world", "version: 1\ntrusted_networks: [0.0.0.0/0]\n", "f.yaml:2:20: trusted_networks[0]: the network 0.0.0.0/0 holds every address"},
		{"a duration that is a number", "version: 1\nthresholds: {correlation: 3600}\n", `f.yaml:2:27: thresholds.correlation: expected a duration such as 90s, 15m or 1h30m, got the number 3600; is it 3600s?`},
		{"a duration in days", "version: 1\nthresholds: {quiet: 2d}\n", `f.yaml:2:21: thresholds.quiet: expected a duration such as 90s, 15m or 1h30m, got "2d"; days are written in hours: 48h`},
		{"a duration out of bounds", "version: 1\nthresholds: {correlation: 30h}\n", "f.yaml:2:27: thresholds.correlation: expected a duration from 1m to 24h, got 30h"},
		{"durations that contradict each other", "version: 1\nthresholds: {correlation: 3h, quiet: 2h}\n", "f.yaml:2:13: thresholds.quiet: expected at least the correlation's 3h0m0s: an incident would be over before its failures are"},
		{"a count that is text", "version: 1\nthresholds: {denials: many}\n", "f.yaml:2:23: thresholds.denials: expected a whole number from 1 to 1000000, got text"},
		{"a count below the least", "version: 1\nthresholds: {spike_floor: 1}\n", `f.yaml:2:27: thresholds.spike_floor: expected a whole number from 2 to 1000000, got "1"`},
		{"a count with a fraction", "version: 1\nthresholds: {spike_floor: 2.5}\n", `f.yaml:2:27: thresholds.spike_floor: expected a whole number from 2 to 1000000, got the number "2.5"`},
		{"a window of no kind", "version: 1\nchange_windows:\n  - name: w\n", "f.yaml:3:5: change_windows[0]: expected either start and end, or from and until with or without days, got neither"},
		{"a window of both kinds", "version: 1\nchange_windows:\n  - {name: w, start: 2026-03-01T00:00:00Z, end: 2026-03-02T00:00:00Z, days: [mon]}\n", "f.yaml:3:5: change_windows[0]: expected either start and end, or from and until with or without days, got both"},
		{"a window without an end", "version: 1\nchange_windows:\n  - name: w\n    start: 2026-03-01T00:00:00Z\n", "f.yaml:3:5: change_windows[0]: key end is missing; start and end go together"},
		{"a window that ends before it begins", "version: 1\nchange_windows:\n  - name: w\n    start: 2026-03-02T00:00:00Z\n    end: 2026-03-01T00:00:00Z\n", "f.yaml:5:5: change_windows[0].end: expected a time after start"},
		{"a window that covers nothing", "version: 1\nchange_windows:\n  - {name: w, from: '08:00', until: '08:00'}\n", "f.yaml:3:30: change_windows[0].until: expected another time than from; a whole day is from \"00:00\" until \"24:00\""},
		{"a window that expects what is no cause", "version: 1\nchange_windows:\n  - {name: w, from: '08:00', until: '09:00', expects: [key_rotatd]}\n", `f.yaml:3:56: change_windows[0].expects[0]: expected one of ` + strings.Join(causeNames(), ", ") + `, got "key_rotatd"; did you mean key_rotated?`},
		{"a window that expects a compromise", "version: 1\nchange_windows:\n  - {name: w, from: '08:00', until: '09:00', expects: audit_tampering}\n", "f.yaml:3:55: change_windows[0].expects: cause audit_tampering is a compromise, which no window expects; suppress it by name, with an end and a reason"},
		{"a day in another language", "version: 1\nchange_windows:\n  - {name: w, days: [tues], from: '08:00', until: '09:00'}\n", `f.yaml:3:22: change_windows[0].days[0]: expected one of sun, mon, tue, wed, thu, fri, sat, got "tues"; did you mean tue?`},
		{"a time without a zone", "version: 1\nchange_windows:\n  - {name: w, start: 2026-03-01T00:00:00, end: 2026-03-02T00:00:00Z}\n", `f.yaml:3:22: change_windows[0].start: expected a time such as 2026-03-01T22:00:00Z, got "2026-03-01T00:00:00"`},
		{"a day that does not exist", "version: 1\nsuppressions:\n  - {cause: clock_skew, until: 2026-02-30, reason: r}\n", `f.yaml:3:32: suppressions[0].until: expected a date such as 2026-06-30, or a time such as 2026-06-30T12:00:00Z; there is no "2026-02-30"`},
		{"two windows of one name", "version: 1\nchange_windows:\n  - {name: w, from: '08:00', until: '09:00'}\n  - {name: w, from: '10:00', until: '11:00'}\n", `f.yaml:4:5: change_windows[1].name: the name "w" is already used on line 3`},
		{"a suppression without end and reason", "version: 1\nsuppressions:\n  - cause: clock_skew\n", "f.yaml:3:5: suppressions[0]: key until is missing\nf.yaml:3:5: suppressions[0]: key reason is missing"},
		{"a suppression of everything", "version: 1\nsuppressions:\n  - until: 2026-06-30\n    reason: peace\n", "f.yaml:3:5: suppressions[0]: expected at least one of verdict, cause, subject, account and tag: a suppression of everything hides everything"},
		{"a compromise by its tags", "version: 1\nsuppressions:\n  - {verdict: compromise, tag: {stage: sandbox}, until: 2026-06-30, reason: r}\n  - {cause: trust_opened, tag: {stage: sandbox}, until: 2026-06-30, reason: r}\n", "f.yaml:3:27: suppressions[0].tag: a compromise is not suppressed by tags, since whoever attacks may have put them on; name the subject\nf.yaml:4:27: suppressions[1].tag: a compromise is not suppressed by tags, since whoever attacks may have put them on; name the subject"},
		{"a tag twice", "version: 1\nroutes:\n  - {name: a, type: email, target: a@example.com, match: {tag: {team: a, Team: b}}}\n", "f.yaml:3:74: routes[0].match.tag.Team: the tag is named twice; IAM does not tell keys apart by their case"},
		{"a tag without a key", "version: 1\nroutes:\n  - {name: a, type: email, target: a@example.com, match: {tag: {'': a}}}\n", "f.yaml:3:65: routes[0].match.tag.: expected the key of a tag: at most 128 letters, digits, spaces and _.:/=+-@"},
		{"a tag without a value", "version: 1\nroutes:\n  - name: a\n    type: email\n    target: a@example.com\n    match:\n      tag:\n        team:\n", "f.yaml:8:9: routes[0].match.tag.team: the tag has no value; write \"*\" for any"},
		{"a tag that is a number", "version: 1\nroutes:\n  - {name: a, type: email, target: a@example.com, match: {tag: {cost: 4711}}}\n", "f.yaml:3:71: routes[0].match.tag.cost: expected the value of a tag: at most 256 letters, digits, spaces and _.:/=+-@, with or without wildcards, in quotes, got the number \"4711\""},
		{"tags as a list", "version: 1\nroutes:\n  - {name: a, type: email, target: a@example.com, match: {tag: [team]}}\n", "f.yaml:3:64: routes[0].match.tag: expected a mapping of tags' keys to values, such as {team: payments}, got a list"},
		{"a cause of another verdict", "version: 1\nsuppressions:\n  - {verdict: expiry, cause: clock_skew, until: 2026-06-30, reason: r}\n", "f.yaml:3:23: suppressions[0].cause: cause clock_skew belongs to the verdict misconfiguration, not to expiry"},
		{"a blank reason", "version: 1\nsuppressions:\n  - {cause: clock_skew, until: 2026-06-30, reason: ' '}\n", "f.yaml:3:52: suppressions[0].reason: expected text of one line, at most 500 characters"},
		{"an unknown verdict", "version: 1\nroutes:\n  - {name: a, type: email, target: a@example.com, match: {verdict: compromised}}\n", `f.yaml:3:68: routes[0].match.verdict: expected one of compromise, inconclusive, misconfiguration, expiry, planned_change, got "compromised"; did you mean compromise?`},
		{"an unknown receiver", "version: 1\nroutes:\n  - {name: a, type: slack, target: x}\n", `f.yaml:3:21: routes[0].type: expected one of email, sqs, https, lambda, chat, got "slack"`},
		{"an address that does not fit the type", "version: 1\nroutes:\n  - {name: a, type: sqs, target: 'https://user:hunter2@example.com'}\n", "f.yaml:3:34: routes[0].target: expected a queue's ARN for a route of type sqs"},
		{"an address with a password", "version: 1\nroutes:\n  - {name: a, type: https, target: 'https://user:hunter2@example.com'}\n", "f.yaml:3:36: routes[0].target: expected an address that begins with https:// and holds no user name or password for a route of type https"},
		{"an address in clear", "version: 1\nroutes:\n  - {name: a, type: https, target: 'http://example.com'}\n", "f.yaml:3:36: routes[0].target: expected an address that begins with https:// and holds no user name or password for a route of type https"},
		{"a match of nothing", "version: 1\nroutes:\n  - {name: a, type: email, target: a@example.com, match: {verdict: []}}\n", "f.yaml:3:68: routes[0].match.verdict: the list is empty and so matches nothing; leave the key out to match everything"},
		{"several at once", "version: 1\nrespnders: [a]\nthresholds:\n  quiet: soon\n  denials: 0\naccounts: [x]\n", strings.Join([]string{
			`f.yaml:2:1: unknown key "respnders"; did you mean responders?`,
			`f.yaml:4:10: thresholds.quiet: expected a duration such as 90s, 15m or 1h30m, got "soon"`,
			`f.yaml:5:12: thresholds.denials: expected a whole number from 1 to 1000000, got "0"`,
			`f.yaml:6:12: accounts[0]: expected an account id: 12 digits in quotes, such as "111122223333", got "x"`,
		}, "\n")},

		{"a tab", "version: 1\nthresholds:\n\tquiet: 24h\n", "f.yaml:3:1: the line is indented with a tab; YAML takes spaces only"},
		{"a bracket that is not closed", "version: 1\naccounts: [\"111122223333\"\n", "f.yaml:2:11: the file is not valid YAML: sequence end token ']' not found"},
		{"a colon too many", "version: 1\nresponders: a: b\n", "f.yaml:2:13: the file is not valid YAML: mapping value is not allowed in this context"},
		{"an anchor and its alias", "version: 1\nresponders: &them [a]\ndeployers: *them\n", "f.yaml:2:13: responders: anchors and aliases are not supported; write the value out\nf.yaml:3:12: deployers: anchors and aliases are not supported; write the value out"},
		{"a merge key", "version: 1\n<<: {accounts: []}\n", "f.yaml:2:1: merge keys (<<) are not supported; write the keys out"},
		{"a tag", "version: 1\naccounts: [!!str 111122223333]\n", "f.yaml:2:12: accounts[0]: tags are not supported; write the value without one"},
		{"a key with a question mark", "version: 1\n? a\n: b\n", "f.yaml:2:1: expected a plain word as a key"},
		{"an element without a value", "version: 1\nresponders:\n  -\n", "f.yaml:3:5: responders[0]: expected the name of a role or user, or its ARN, with or without wildcards, got nothing"},
		{"two documents", "version: 1\n---\nversion: 1\n", "f.yaml:3:1: a second document begins here; a configuration is one document"},
		{"Latin-1", "version: 1\n# caf\xe9\n", "f.yaml:2:6: the file is not text in UTF-8"},
		{"UTF-16", "\xff\xfev\x00e\x00", "f.yaml:1:1: the file is not text in UTF-8"},
		{"a zero byte", "version: 1\nresponders: [a\x00b]\n", "f.yaml:2:15: the file is not text in UTF-8"},
		{"nested brackets", "version: 1\naccounts: " + strings.Repeat("[", 5000), "f.yaml:2:27: lists and mappings are nested more than 16 deep"},
		{"nested dashes", "version: 1\naccounts:\n  " + strings.Repeat("- ", 5000) + "x", "f.yaml:3:35: lists and mappings are nested more than 16 deep"},
		{"very many keys", "version: 1\n" + strings.Repeat("a: 1\n", 12000), "f.yaml:10001:2: the file has more than 10000 keys"},
		{"a file of another size", "version: 1\n#" + strings.Repeat("x", maxSize), "f.yaml: the file has 131084 bytes; a configuration may have 131072"},
		{
			"checks", "version: 1\nchecks:\n  max_session: 13h\n  oidc_subject: \"yes\"\n  ci_users: [\"*\", ci, ci]\n  session: 1h\n",
			"f.yaml:3:16: checks.max_session: expected a duration from 15m to 12h, got 13h\n" +
				"f.yaml:4:17: checks.oidc_subject: expected true or false, got text\n" +
				"f.yaml:5:14: checks.ci_users[0]: expected the name of a user, such as ci-*, got \"*\", which matches everybody\n" +
				"f.yaml:5:23: checks.ci_users[2]: the same value stands on line 5\n" +
				"f.yaml:6:3: checks: unknown key \"session\"",
		},
		{
			"log groups of everybody and nobody", "version: 1\nlog_groups:\n  - pattern: \"*\"\n    workload: all\n  - pattern: /a\n  - workload: b\n  - {pattern: /a, principal: app}\n",
			"f.yaml:3:14: log_groups[0].pattern: the pattern \"*\" matches every log group; name some\n" +
				"f.yaml:5:5: log_groups[1]: expected at least one of workload and principal\n" +
				"f.yaml:6:5: log_groups[2]: key pattern is missing\n" +
				"f.yaml:7:5: log_groups[3].pattern: the pattern \"/a\" is already used on line 5, and the first one decides\n" +
				"f.yaml:7:30: log_groups[3].principal: expected the ARN of one role or user, such as arn:aws:iam::111122223333:role/payments, got \"app\"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load("f.yaml", []byte(tt.file))
			if err == nil {
				t.Fatalf("Load accepts it, want: %s", tt.want)
			}
			if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("Load (-want +got):\n%s", diff)
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Errorf("the error is a %T, want Problems", err)
			}
			if diff := cmp.Diff(config.Config{}, c); diff != "" {
				t.Errorf("Load configures something in spite of the error:\n%s", diff)
			}
		})
	}
}

// A finding tells of the tags that somebody asks for, and of no others.
func TestTagsAsked(t *testing.T) {
	for file, want := range map[string]string{
		"": "",
		"owner_tag: Team\nroutes: [{name: a, type: email, target: a@example.com, match: {tag: {stage: prod, team: x}}}]\nsuppressions: [{tag: {STAGE: sandbox, b: c}, until: 2026-06-30, reason: r}]\n": "b STAGE Team",
	} {
		c, err := Load("f.yaml", []byte("version: 1\n"+file))
		if got := strings.Join(c.Settings.Tags, " "); err != nil || got != want {
			t.Errorf("%q asks for %q, %v; want %q", file, got, err, want)
		}
	}
}

func TestProblemsAreMany(t *testing.T) {
	_, err := Load("f.yaml", []byte("version: 1\nresponders: ["+strings.Repeat("'*', ", 500)+"]\n"))
	if err == nil {
		t.Fatal("Load accepts it")
	}
	lines := strings.Split(err.Error(), "\n")
	if got, want := lines[len(lines)-1], "f.yaml: and 400 more"; got != want || len(lines) != 101 {
		t.Errorf("the error has %d lines and ends in %q, want 101 and %q", len(lines), got, want)
	}
}

// A thousand laughs: a few lines that stand for a billion values.
func TestLoadRefusesABomb(t *testing.T) {
	file := "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'j'; c++ {
		file += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	if _, err := Load("f.yaml", []byte(file)); err == nil {
		t.Error("Load accepts a bomb")
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"version: 1\n", "version: 1\naccounts: ['111122223333']\nroutes:\n  - {name: a, type: email, target: a@example.com}\n",
		"version: 1\nchange_windows:\n  - name: w\n    from: '22:00'\n    until: '02:00'\n", "a: &x [*x]\n<<: *x\n", "? a\n: b\n", "a: |\n  x\n\ty\n",
		"version: 1\nthresholds: {quiet: 24h}\nsuppressions: [{cause: clock_skew, until: 2026-06-30, reason: r}]\n", "--- !!map\n...\n---\n", "[[[[", "- - - -", "\"\\x", "a: >-\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Load("f.yaml", data)
		if err == nil {
			if c.Settings.Thresholds.Quiet <= 0 || c.Settings.Thresholds.MaxEvidence < 1 {
				t.Errorf("thresholds %+v", c.Settings.Thresholds)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("error %T", err)
		}
		for i, p := range problems {
			if i > 0 && p.Line < problems[i-1].Line || p.Message == "" {
				t.Errorf("problem %d is out of order or empty: %v", i, p)
			}
		}
	})
}
