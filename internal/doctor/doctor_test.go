package doctor

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestCatalogue wants every check to be one that can be documented.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		if c.ID == "" || c.Title == "" || c.Why == "" || len(c.Needs) == 0 || c.run == nil || seen[c.ID] {
			t.Errorf("%q says too little, or is there twice", c.ID)
		}
		seen[c.ID] = true
	}
}

// TestNothingIsKnown: no facts are no good news, and no bad news.
func TestNothingIsKnown(t *testing.T) {
	lost := func(action string) *Gap { return &Gap{Action: action, Region: "us-east-1", Denied: true} }
	f := Facts{
		Stack: "trailverdict", Home: "us-east-1", Looked: []string{"us-east-1"},
		Regions: Answer[[]string]{Gap: lost("account:ListRegions")}, Watch: Answer[Stack]{Gap: lost("cloudformation:DescribeStacks")},
		Spare: Answer[int]{Gap: lost("lambda:GetAccountSettings")}, Bus: Answer[string]{Gap: lost("events:DescribeEventBus")},
		ByPlace: map[string]Region{"us-east-1": {
			Trails: Answer[[]Trail]{Gap: lost("cloudtrail:DescribeTrails")}, Stack: Answer[Stack]{Gap: lost("cloudformation:DescribeStacks")},
		}},
	}
	e := Examine(f)
	if e.Sound() || e.Count(Problem) > 0 {
		t.Errorf("sound %v, %d problems", e.Sound(), e.Count(Problem))
	}
	for _, finding := range e.Findings {
		if finding.Status == OK && finding.Check != "clock" {
			t.Errorf("%s is fine, though nothing is known", finding.Check)
		}
	}
}

// TestCommandsAreOneWordForEachName: whatever a name in the account is, a shell
// takes it for one word of the command and runs nothing.
func TestCommandsAreOneWordForEachName(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("NOT TESTED: how a shell reads the commands, since there is no sh")
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.SampledFrom([]string{"", "'; touch x; '", "$(id)", "`id`", "a b", "'", `\`, "--name x", "a' --b 'c", "!!", "*", "~", "$HOME", `"`}),
			rapid.StringMatching("[ -~]{0,20}"),
		).Draw(t, "name")
		var b bytes.Buffer
		line := broken(strings.TrimPrefix(command("printf %s/ --name %s --end", "%s", name), "$ "))
		b.WriteString(line)
		out, err := exec.Command(shell, "-c", b.String()).CombinedOutput()
		if want := "--name/" + name + "/--end/"; err != nil || string(out) != want {
			t.Fatalf("%s\ngives %q, %v; want %q", line, out, err, want)
		}
	})
}

// TestTextFits wants no line of prose to be wider than a terminal, and nothing
// that a terminal takes for more than text.
func TestTextFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen := rapid.StringOfN(rapid.SampledFrom([]rune("ab \x1b\u202e'é")), 1, 300, -1).Draw(t, "seen")
		e := Examination{Facts: Facts{Account: "111122223333", Home: "us-east-1", Stack: "trailverdict"}, Findings: []Finding{
			{Check: "trail", Title: "a trail is logging", Status: Problem, Region: "us-east-1", Seen: seen, Why: seen, Fix: []string{seen, command("aws %s", seen)}},
			{Check: "rules", Title: "rules", Status: Unchecked, Region: "us-east-1", Seen: "lacks " + seen},
			{Check: "bus", Title: "bus", Status: OK},
		}}
		var b bytes.Buffer
		if err := Text(&b, e); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Fatalf("%q holds what moves a terminal", b.String())
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSpace(line)
			if utf8.RuneCountInString(line) > width && longest(line) < width/2 && !strings.HasPrefix(line, "aws ") {
				t.Fatalf("wider than a terminal: %s", line)
			}
		}
	})
}

func longest(line string) int {
	n := 0
	for _, w := range strings.Fields(line) {
		n = max(n, utf8.RuneCountInString(w))
	}
	return n
}

func TestStatementsOfPolicies(t *testing.T) {
	for name, test := range map[string]struct {
		statement string
		lets      bool
	}{
		"by name":              {`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*"}`, true},
		"among others":         {`{"Effect":"Allow","Principal":{"Service":["sns.amazonaws.com","events.amazonaws.com"]},"Action":["kms:Encrypt","KMS:decrypt"],"Resource":"*"}`, true},
		"by a wildcard":        {`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"kms:De*","Resource":"*"}`, true},
		"by everything":        {`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`, true},
		"another service":      {`{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"kms:*","Resource":"*"}`, false},
		"another action":       {`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"kms:Encrypt","Resource":"*"}`, false},
		"denied":               {`{"Effect":"Deny","Principal":{"Service":"events.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*"}`, false},
		"all but this action":  {`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"NotAction":"kms:Decrypt","Resource":"*"}`, false},
		"all but another one":  {`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"NotAction":"kms:Encrypt","Resource":"*"}`, true},
		"an account, not AWS":  {`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}`, false},
		"everybody but others": {`{"Effect":"Allow","NotPrincipal":{"Service":"sns.amazonaws.com"},"Action":"kms:*","Resource":"*"}`, true},
	} {
		x := exam{}
		if got := x.lets(`{"Version":"2012-10-17","Statement":[`+test.statement+`]}`, eventBridge, "kms:Decrypt", "us-east-1"); got != test.lets || len(x.found) > 0 {
			t.Errorf("%s: lets %v, %v", name, got, x.found)
		}
	}
	x := exam{}
	if x.lets("{", eventBridge, "kms:Decrypt", "us-east-1"); len(x.found) != 1 || x.found[0].Status != Unchecked {
		t.Errorf("a policy that cannot be read: %v", x.found)
	}
}
