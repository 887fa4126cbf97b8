package render

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// skewed is a misconfiguration of a laptop, first told as something else.
func skewed() incident.Finding {
	f := refresh()
	f.ID, f.Revision = "tv-9a3b6c0d1e2f4a5b", 2
	f.Subject = incident.Subject{
		Principal:    incident.Principal{Type: incident.User, Account: "111122223333", Name: "lena@example.com", ARN: "arn:aws:iam::111122223333:user/lena@example.com"},
		AccessKeyIDs: []string{"AKIAQLENA00000000001"}, Workloads: []string{"nightly_export"},
	}
	f.Verdict, f.Cause, f.Confidence = incident.Misconfiguration, incident.ClockSkew, 0.91
	f.Summary = "User lena@example.com is refused because its clock is wrong: 4 calls were 11 min off."
	f.NextSteps = []string{
		"Compare the clocks: `date -u`; `curl -sI https://sts.amazonaws.com | grep -i ^date`",
		"Check that key and secret belong together (`aws sts get-caller-identity`), in the same shell",
	}
	f.Interval, f.Capped = nil, nil
	f.WouldChange = []string{"the same machine's other calls succeed at the same time"}
	return f
}

// lone is a revocation that needs a person, with the longest command that we
// give.
func lone() incident.Finding {
	f := opened()
	f.ID, f.Revision = "tv-77aa00bb11cc22dd", 1
	f.Verdict, f.Cause, f.Severity, f.Confidence = incident.Inconclusive, incident.UnexplainedRevocation, incident.Medium, 0.62
	f.Summary = "Role payments-role had its sessions revoked by lena, whom nothing known explains."
	f.Evidence, f.CounterEvidence, f.BlastRadius, f.ATTACK = f.Evidence[:1], nil, nil, nil
	f.NextSteps = []string{
		"Revoke the role's sessions: `" + `aws iam put-role-policy --role-name payments-role --policy-name AWSRevokeOlderSessions --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}}]}'` + "`",
		"Switch the keys off, do not delete them yet: `aws iam list-access-keys --user-name lena`; `aws iam update-access-key --user-name lena --access-key-id KEY --status Inactive`",
	}
	return f
}

// messages are findings of every verdict as messages.
func messages() map[string]struct {
	f incident.Finding
	n Note
} {
	type m = struct {
		f incident.Finding
		n Note
	}
	return map[string]m{
		"compromise":       {opened(), Note{News: "The severity was raised from high to critical."}},
		"expiry":           {refresh(), Note{Owner: "payments"}},
		"misconfiguration": {skewed(), Note{News: "The verdict changed from inconclusive to misconfiguration."}},
		"planned_change":   {quiet(), Note{Thread: "tv-0000000000000000", News: "What was told as access key ASIAQUNKNOWN00000001 is about federated identity repo:example/app."}},
		"inconclusive":     {lone(), Note{}},
		"hostile":          {hostile(), Note{News: "Names workload <!channel> now."}},
	}
}

func TestMessagesGolden(t *testing.T) {
	for name, m := range messages() {
		t.Run(name, func(t *testing.T) {
			golden(t, "email-"+name+".txt", []byte("Subject: "+EmailSubject(m.f, m.n)+"\n\n"+written(t, Email, m.f, m.n)))
			golden(t, "chat-"+name+".json", indented(t, written(t, Chat, m.f, m.n)))
			golden(t, "text-"+name+".txt", []byte(written(t, func(w io.Writer, f incident.Finding, _ Note) error { return Text(w, f, TextOptions{Verbose: true}) }, m.f, m.n)))
			for form, write := range map[string]func(io.Writer, incident.Finding, Note) error{
				"finding": func(w io.Writer, f incident.Finding, _ Note) error { return JSON(w, f) },
				"ocsf":    func(w io.Writer, f incident.Finding, _ Note) error { return OCSF(w, f, "1.2.3") },
				"asff": func(w io.Writer, f incident.Finding, _ Note) error {
					_, err := ASFF(w, []incident.Finding{f}, "1.2.3")
					return err
				},
			} {
				golden(t, form+"-"+name+".json", indented(t, written(t, write, m.f, m.n)))
			}
		})
	}
}

func indented(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func written(t interface{ Fatal(...any) }, write func(io.Writer, incident.Finding, Note) error, f incident.Finding, n Note) string {
	var b bytes.Buffer
	if err := write(&b, f, n); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// anything is text that somebody may have chosen, with what chats and mails act
// upon more frequent than by chance.
func anything() *rapid.Generator[string] {
	bad := []string{"<!channel>", "@here", " @channel ", "*bold*", "_it_", "~~", "`", "``` ", "[x](https://evil.example)", "https://evil.example/a?b", "evil.example", ":smile:", "# ", "> ", "\n", "\r\nSubject: x", "\x1b[2J", "\u202e", "&lt;!here&gt;", "ü", "\U0001f600", "\ufffe"}
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(bad), rapid.StringN(0, 60, -1)), 0, 6).Draw(t, "parts")
		return strings.Repeat(strings.Join(parts, ""), rapid.SampledFrom([]int{1, 1, 1, 40}).Draw(t, "times"))
	})
}

func draw(t *rapid.T) (incident.Finding, Note) {
	f := rapid.SampledFrom([]incident.Finding{opened(), refresh(), quiet(), skewed(), lone()}).Draw(t, "finding")
	evil := anything().Draw(t, "text")
	f.Subject.Name, f.Subject.ARN, f.Summary, f.Region = evil, evil, "Role "+evil+" is used.", evil
	f.Subject.AccessKeyIDs, f.Subject.Workloads = []string{evil}, []string{evil}
	f.NextSteps, f.WouldChange = []string{"Look at " + evil, "Do: `aws iam x --name " + evil + "`"}, []string{evil}
	f.Evidence = []incident.Evidence{{EventID: evil, Signal: incident.CallDenied, Fact: evil, Time: at("10:00:00")}}
	f.CounterEvidence = []incident.Evidence{{EventID: evil, Signal: incident.CallDenied, Fact: evil, Time: at("11:00:00")}}
	f.BlastRadius = &incident.BlastRadius{Principals: []string{evil}}
	return f, Note{News: evil}
}

func TestMailFitsWhateverItSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f, n := draw(r)
		subject := EmailSubject(f, n)
		if len(subject) >= 100 || subject[0] != '[' {
			r.Fatalf("subject of %d bytes: %q", len(subject), subject)
		}
		for _, c := range subject {
			if c < ' ' || c > '~' {
				r.Fatalf("subject holds %q: %q", c, subject)
			}
		}
		for line := range strings.Lines(withoutLinks(written(r, Email, f, n), f)) {
			if w := utf8.RuneCountInString(strings.TrimRight(line, "\n")); w > mailWidth {
				r.Fatalf("%d columns: %s", w, line)
			}
			for _, c := range line {
				if c != '\n' && harmful(c) && c != utf8.RuneError {
					r.Fatalf("%q comes out in %q", c, line)
				}
			}
		}
	})
}

// TestMailsShowWhatMatters finds the parts in their order.
func TestMailsShowWhatMatters(t *testing.T) {
	body := written(t, Email, opened(), Note{News: "The severity was raised from high to critical."})
	at := 0
	for _, part := range []string{
		"COMPROMISE: role payments-role. Close the trust policy again.\n", "critical, 97 % sure", "Role payments-role was opened", "raised from high", "DO NOW\n1. Close the trust policy",
		"WHY (2026-03-04 UTC, + SINCE 10:00:00)\n  10:00:00           role", "11:07:31  +68 min  ec2", "WHAT SPOKE AGAINST IT", "developer is listed", "REACH", "revision 3",
	} {
		n := strings.Index(body[at:], part)
		if n < 0 {
			t.Fatalf("%q does not stand after the first %d bytes of:\n%s", part, at, body)
		}
		at += n
	}
}

func TestSubjectLines(t *testing.T) {
	long := opened()
	long.Subject.Name = strings.Repeat("a", 300)
	wordy := long
	wordy.Verdict, wordy.Cause = incident.Misconfiguration, incident.ProviderRemovedByStranger
	german := quiet()
	german.Subject.Name = "repo:müller/ci\r\nBcc: everybody"
	first := opened()
	first.Revision = 1
	for name, test := range map[string]struct {
		f    incident.Finding
		n    Note
		want string
	}{
		"the first message":              {first, Note{}, "[COMPROMISE] role payments-role: trust opened (critical)"},
		"a further one":                  {opened(), Note{}, "[COMPROMISE] role payments-role: trust opened (critical), update"},
		"one that takes another's place": {first, Note{Thread: "tv-0"}, "[COMPROMISE] role payments-role: trust opened (critical), update"},
		"a long name is cut":             {long, Note{}, "[COMPROMISE] role " + strings.Repeat("a", 59) + "... (critical), update"},
		"a long cause gives way":         {wordy, Note{}, "[MISCONFIGURATION] role " + strings.Repeat("a", 53) + "... (critical), update"},
		"line breaks and other letters":  {german, Note{}, "[PLANNED CHANGE] federated identity repo:m?ller/ci\\u000d Bcc: everybody (informational)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := EmailSubject(test.f, test.n); got != test.want {
				t.Errorf("EmailSubject() = %q, want %q", got, test.want)
			}
		})
	}
}

// TestChatStaysWithinTheSchema checks each field's limit, and that no markup
// stands outside of a code span, for any text.
func TestChatStaysWithinTheSchema(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f, n := draw(r)
		raw := written(r, Chat, f, n)
		var m notification
		dec := json.NewDecoder(strings.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&m); err != nil {
			r.Fatalf("%v in %s", err, raw)
		}
		if m.Version != "1.0" || m.Source != "custom" || m.Content.TextType != "client-markdown" || m.Content.Description == "" || m.Metadata.ThreadID != f.ID {
			r.Fatalf("not a custom notification: %s", raw)
		}
		within := func(what, s string, limit int) {
			if c := utf8.RuneCountInString(s); c > limit || c == 0 {
				r.Fatalf("%s has %d characters: %q", what, c, s)
			}
		}
		within("title", m.Content.Title, 250)
		within("description", m.Content.Description, 8000)
		within("summary", m.Metadata.Summary, 250)
		for _, s := range m.Content.NextSteps {
			within("step", s, 350)
		}
		for _, s := range m.Content.Keywords {
			within("keyword", s, 75)
		}
		for _, s := range m.Metadata.Context {
			within("context", s, 250)
		}
		for _, s := range append([]string{m.Content.Title, m.Content.Description}, m.Content.NextSteps...) {
			inert(r, withoutLinks(s, f))
		}
	})
}

// withoutLinks is a text without those links to the console that are ours.
func withoutLinks(s string, f incident.Finding) string {
	for _, l := range append(Links(f), Link{URL: Playbook(f.Verdict)}) {
		s = strings.ReplaceAll("\n"+s+"\n", "\n"+l.URL+"\n", "\n\n")
		s = s[1 : len(s)-1]
	}
	return s
}

// inert fails if a chat could take a part of s for markup, a link or a mention.
func inert(t interface{ Fatalf(string, ...any) }, s string) {
	for line := range strings.Lines(s) {
		spans := strings.Split(strings.TrimRight(line, "\n"), "`")
		if len(spans)%2 == 0 {
			t.Fatalf("a code span is left open in %q", line)
		}
		for n, span := range spans {
			bad := "*_~[]<>@#|\\/="
			if n%2 == 1 {
				bad = "<>"
			}
			if i := strings.IndexAny(span, bad); i >= 0 {
				t.Fatalf("%q stands in %q", span[i:i+1], line)
			}
			if n%2 == 1 && (strings.HasPrefix(span, "@") || strings.Contains(span, " @")) {
				t.Fatalf("a mention begins in %q", line)
			}
			for word := range strings.FieldsSeq(span) {
				if host, _, ok := strings.Cut(strings.Trim(word, `.,;:!?()"`), "."); n%2 == 0 && ok && strings.IndexFunc(host, unicode.IsLetter) >= 0 {
					t.Fatalf("a link stands in %q", line)
				}
			}
		}
	}
}

func TestMarkdown(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"plain words stay":              {"Role payments-role was opened (seven minutes later), 97 % sure.", "Role payments-role was opened (seven minutes later), 97 % sure."},
		"times and addresses stay":      {"at 10:07:02 on 2026-03-04 from 192.0.2.1:", "at 10:07:02 on 2026-03-04 from 192.0.2.1:"},
		"names with markup become code": {"workload nightly_export, *all* of it", "workload `nightly_export`, `*all*` of it"},
		"ARNs and operations too":       {`"arn:aws:iam::111122223333:role/x" made iam:ListUsers`, "\"`arn:aws:iam::111122223333:role/x`\" made `iam:ListUsers`"},
		"nobody is called":              {"by @channel and <!here> and lena@example.com", "by `＠channel` and `‹!here›` and `lena@example.com`"},
		"no span can be closed":         {"x`<https://evil.example|y>`", "`x'‹https://evil.example|y›'`"},
		"control characters are shown":  {"a\x1b[31mb", "`a\\u001b[31mb`"},
		"no rule and no list":           {"--- a", "`---` a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := markdown(test.in); got != test.want {
				t.Errorf("markdown(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestStepsOfAMail(t *testing.T) {
	for name, test := range map[string]struct{ step, want string }{
		"a sentence":                     {"Ask lena.", "1. Ask lena."},
		"a command after a colon":        {"Do: `aws iam a --b c`", "1. Do:\n   aws iam a --b c"},
		"two commands":                   {"Do: `aws iam a`; `aws iam b`", "1. Do:\n   aws iam a\n   aws iam b"},
		"a command, then a remark":       {"See: `aws x` (it goes on)", "1. See:\n   aws x\n   (it goes on)"},
		"a command, then another step":   {"See: `aws x`; put it back: `aws y`", "1. See:\n   aws x\n   put it back:\n   aws y"},
		"a command within a sentence":    {"Log in again (`aws sso login`), or wait", "1. Log in again (`aws sso login`), or wait"},
		"a command at the beginning":     {"`aws x` says more", "1. `aws x` says more"},
		"an open backtick is no command": {"Do: `aws x", "1. Do: `aws x"},
	} {
		t.Run(name, func(t *testing.T) {
			var m mail
			m.steps([]string{test.step, " "})
			if got := strings.TrimPrefix(m.String(), "\nDO NOW\n"); got != test.want+"\n" {
				t.Errorf("%q is written as\n%s\nwant\n%s", test.step, got, test.want)
			}
		})
	}
}

func TestStepsOfAChat(t *testing.T) {
	for name, test := range map[string]struct{ step, want string }{
		"commands are code":                  {"Do: `aws iam a --b c`; `aws x` now", "Do: `aws iam a --b c`; `aws x` now"},
		"in parentheses, too":                {"Log in again (`aws sso login`), or wait", "Log in again (`aws sso login`), or wait"},
		"a command that is too long is left": {"Do: `aws " + strings.Repeat("a", 350) + "`", "Do: … (the command is in the finding)"},
		"an open backtick is no command":     {"Do: `aws x", "Do: `'aws` x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := chatNextStep(test.step); got != test.want {
				t.Errorf("chatNextStep(%q) = %q, want %q", test.step, got, test.want)
			}
		})
	}
}

// TestCommandsSurviveTheirLines lets a shell read broken commands, and compares
// what it would run.
func TestCommandsSurviveTheirLines(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh: whether broken commands are still the same for a shell was not checked")
	}
	arguments := func(command string) string {
		script := `aws() { for a; do printf '%s' "$a" | tr -d ' \n'; echo; done; }` + "\n" + `date() { echo now; }` + "\n" + command
		out, err := exec.Command(shell, "-c", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	steps := append(lone().NextSteps, "Look: `aws x --name "+strings.Repeat("a", 100)+" --last`")
	for _, step := range steps {
		for _, p := range parts(step) {
			if !p.command {
				continue
			}
			whole := arguments(p.text)
			for _, width := range []int{50, 60, mailWidth} {
				lines := shellLines("   ", p.text, width)
				if broken := arguments(strings.Join(lines, "\n")); broken != whole {
					t.Errorf("at width %d:\n%s\nis read as\n%s\nwant\n%s", width, strings.Join(lines, "\n"), broken, whole)
				}
			}
		}
	}
}

func TestErrorsOfAMessagesWriterComeBack(t *testing.T) {
	for name, write := range map[string]func(io.Writer, incident.Finding, Note) error{"chat": Chat, "email": Email} {
		if err := write(failing{}, quiet(), Note{}); err == nil {
			t.Errorf("%s: no error from a writer that fails", name)
		}
	}
}

func TestUnknownTimesAreLeftOut(t *testing.T) {
	f := quiet()
	f.FirstSeen = time.Time{}
	if s := written(t, Chat, f, Note{}); strings.Contains(s, "firstSeen") {
		t.Errorf("an unknown time is told: %s", s)
	}
}

// TestTheFirstLineOfAMailSaysWhatToDo, since phones show no more.
func TestTheFirstLineOfAMailSaysWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		steps []string
		want  string
	}{
		"a command is left out":       {[]string{"Revoke the sessions: `aws iam x`", "Then wait"}, "COMPROMISE: role payments-role. Revoke the sessions."},
		"one in brackets, too":        {[]string{"Check the pair (`aws sts get-caller-identity`), in the same shell"}, "COMPROMISE: role payments-role. Check the pair."},
		"a question stays one":        {[]string{"Ask lena: was it you?"}, "COMPROMISE: role payments-role. Ask lena: was it you?"},
		"nothing but a command":       {[]string{"`aws iam x`"}, "COMPROMISE: role payments-role"},
		"an empty command":            {[]string{"``"}, "COMPROMISE: role payments-role"},
		"nothing to do":               {nil, "COMPROMISE: role payments-role"},
		"the first that says nothing": {[]string{" ", "Wait."}, "COMPROMISE: role payments-role. Wait."},
	} {
		t.Run(name, func(t *testing.T) {
			f := opened()
			f.NextSteps = test.steps
			if got, _, _ := strings.Cut(written(t, Email, f, Note{}), "\n"); got != test.want {
				t.Errorf("first line %q, want %q", got, test.want)
			}
		})
	}
}

// TestAFindingFitsOnAScreen unless all is asked for, whatever it holds.
func TestAFindingFitsOnAScreen(t *testing.T) {
	f := opened()
	for i := range 40 {
		e := f.Evidence[i%7]
		e.Fact = strings.Repeat("a long fact ", 12)
		f.Evidence = append(f.Evidence, e)
		f.CounterEvidence = append(f.CounterEvidence, e)
		f.NextSteps = append(f.NextSteps, strings.Repeat("a long step ", 12))
		f.BlastRadius.Principals = append(f.BlastRadius.Principals, "role/111122223333/another")
	}
	var b bytes.Buffer
	if err := Text(&b, f, TextOptions{AsOf: at("12:00:00")}); err != nil {
		t.Fatal(err)
	}
	if rows := onScreen(b.String()); rows > 40 {
		t.Errorf("%d rows:\n%s", rows, &b)
	}
	for _, want := range []string{"critical, 97 % sure", "Do now\n    1. Close the trust policy", "+ since 10:00:00, 2 h ago)", "41 principals", "more steps, 84 more facts, -v shows them", "(53 min ago)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("without %q:\n%s", want, &b)
		}
	}
}
