package trail

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// thoroughly has all records read by the full decoder, each as if it were the
// first.
func thoroughly(d *decoder) { d.thorough = true }

// checkQuick decodes b both ways. What comes out must be the same: signals, skips
// and counts one by one, and uses once those of a key are joined.
func checkQuick(t interface {
	Helper()
	Errorf(string, ...any)
}, b []byte,
) Stats {
	t.Helper()
	var want, got collected
	wantStats, wantErr := Decode(bytes.NewReader(b), "test", &want, thoroughly)
	gotStats, gotErr := Decode(bytes.NewReader(b), "test", &got)
	if wantErr != nil || gotErr != nil {
		t.Errorf("Decode() = %v and %v", wantErr, gotErr)
	}
	differ := func(what string, want, got any) {
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s (-full +quick):\n%s", what, gocmp.Diff(want, got))
		}
	}
	counts := gotStats
	counts.Odd = wantStats.Odd
	differ("signals", want.signals, got.signals)
	differ("skips", want.skips, got.skips)
	differ("uses", joined(want.uses), joined(got.uses))
	differ("counts", wantStats, counts)
	return gotStats
}

// checkRemembered decodes b with what was learnt from it before.
func checkRemembered(t *testing.T, b []byte) {
	t.Helper()
	var known Memory
	var first, again collected
	before, _ := Decode(bytes.NewReader(b), "test", &first, Remember(&known))
	after, _ := Decode(bytes.NewReader(b), "test", &again, Remember(&known))
	if !reflect.DeepEqual(before, after) || !reflect.DeepEqual(first, again) {
		t.Errorf("decoded again (-first +again):\n%s", gocmp.Diff(first, again, gocmp.AllowUnexported(collected{})))
	}
	var gathering Memory
	var once collected
	for range 2 {
		Decode(bytes.NewReader(b), "test", &once, Gather(&gathering))
	}
	if gathering.Flush(&once); !reflect.DeepEqual(joined(first.uses), joined(once.uses)) {
		t.Errorf("gathered uses (-each +gathered):\n%s", gocmp.Diff(joined(first.uses), joined(once.uses)))
	}
}

// TestUsesAreGathered has uses of several streams come once, and not be kept
// without end.
func TestUsesAreGathered(t *testing.T) {
	var known Memory
	var c collected
	for _, at := range []string{"10", "20", "30"} {
		Decode(strings.NewReader(usual(byRole, "e-"+at, at)), "test", &c, Gather(&known))
	}
	if len(c.uses) > 0 {
		t.Errorf("%d uses came before they were asked for", len(c.uses))
	}
	known.Flush(&c)
	if len(c.uses) != 1 || c.uses[0].FirstID != "e-10" || c.uses[0].LastID != "e-30" {
		t.Errorf("uses are %+v, want one from e-10 to e-30", c.uses)
	}
	if known.Flush(&c); len(c.uses) != 1 {
		t.Error("what was flushed came again")
	}
	many := func(i int) string {
		return strings.Replace(usual(byRole, "e-1", "10"), `"accessKeyId":"`, fmt.Sprintf(`"accessKeyId":"X%d`, i), 1)
	}
	if Decode(lines(maxFolded+1, many), "test", &c, Gather(&known)); len(c.uses) != 1+maxFolded {
		t.Errorf("%d of %d uses were passed on", len(c.uses)-1, maxFolded+1)
	}
	if known.Flush(&c); len(joined(c.uses)) != 1+maxFolded+1 {
		t.Errorf("%d uses came in the end, want %d", len(joined(c.uses)), 1+maxFolded+1)
	}
}

func joined(uses []incident.Use) map[string]incident.Use {
	all := map[string]incident.Use{}
	for _, u := range uses {
		if have, ok := all[u.Key()]; ok {
			u = have.Join(u)
		}
		all[u.Key()] = u
	}
	return all
}

// usual is a record that says nothing new but who used which credentials.
func usual(caller, id, at string) string {
	r := recordOf("kms.amazonaws.com", "Decrypt", caller, `"tlsDetails":{"tlsVersion":"TLSv1.3","depth":[1,2.5e3,{"a":true}]}`)
	r = strings.Replace(r, `"requestParameters":null`, `"requestParameters":{"keyId":"k-`+id+`","context":{"n":`+at+`}}`, 1)
	return strings.NewReplacer(`"e-1"`, `"`+id+`"`, `09:15:00Z`, `09:15:`+at+`Z`).Replace(r)
}

// alikes are records of the kinds that the quick way reads, and their neighbours.
func alikes() []string {
	return []string{
		usual(byRole, "e-1", "10"), usual(byRole, "e-3", "30"), usual(byRole, "e-2", "20"), usual(byRole, "e-0", "10"), usual(byRole, "e-9", "30"),
		usual(byUser, "e-4", "40"), usual(byRoot, "e-5", "50"), usual(byService, "e-6", "51"), usual(byStranger, "e-7", "52"), usual(byOIDC, "e-8", "53"),
		recordOf(sts, probe, byRole), recordOf("ec2.amazonaws.com", "DescribeInstances", byRole, failed("Client.InvalidInstanceID.NotFound", "no such")),
		recordOf("s3.amazonaws.com", "GetObject", byRole, failed("AccessDenied", "no")), recordOf("s3.amazonaws.com", "GetObject", byRole, failed("null", "")),
		recordOf(signIn, "ConsoleLogin", byUser, response(`"ConsoleLogin":"Success"`)), deletion("d"),
	}
}

// quirks change a record into another way to write it, or into another record.
var quirks = []struct{ name, from, to string }{
	{"an escape in a name", `"eventName":`, `"event\u004eame":`},
	{"an escape in a value", `"Decrypt"`, `"Decr\u0079pt"`},
	{"an escape in an account", `"recipientAccountId":"1`, `"recipientAccountId":"\u0031`},
	{"a space behind a colon", `"awsRegion":`, `"awsRegion": `},
	{"a line break between members", `,"awsRegion"`, ",\n\"awsRegion\""},
	{"white space in a nested object", `{"keyId":`, "{\t\"keyId\" : "},
	{"a nested look-alike", `"requestParameters":{`, `"requestParameters":{"eventName":"DeleteRole","errorCode":"AccessDenied",`},
	{"a look-alike in a string", `"readOnly":false`, `"readOnly":"\",\"eventName\":\"DeleteRole\""`},
	{"the same name twice", `"awsRegion":`, `"eventName":"DeleteRole","awsRegion":`},
	{"the same name twice, once escaped", `"readOnly":false`, `"readOnly":false,"\u0065rrorCode":"AccessDenied"`},
	{"another id for the session", `"accessKeyId":"`, `"accessKeyId":"X`},
	{"no id", `"eventID":`, `"eventIdentity":`},
	{"an id that is a number", `"eventID":"`, `"eventID":1,"x":"`},
	{"an empty id", `"eventID":"`, `"eventID":"","x":"`},
	{"an odd id", `"eventID":"`, "\"eventID\":\"\u00e9\x7f"},
	{"a long id", `"eventID":"`, `"eventID":"` + strings.Repeat("0123456789abcdef", 4)},
	{"another Region", `"us-east-1"`, `"eu-west-1"`},
	{"a Region that is none", `"us-east-1"`, `"us east"`},
	{"no Region", `"awsRegion":"us-east-1",`, ``},
	{"an account that is none", `"recipientAccountId":"111122223333"`, `"recipientAccountId":"x"`},
	{"another account", `"recipientAccountId":"111122223333"`, `"recipientAccountId":"444455556666"`},
	{"no account", `"recipientAccountId":"111122223333",`, ``},
	{"another address", `"203.0.113.9"`, `"198.51.100.7"`},
	{"an address that is none", `"203.0.113.9"`, `{"x":1}`},
	{"another agent", `aws-cli/`, `Boto3/`},
	{"an agent with an escape", `aws-cli/`, `\u0061ws-cli/`},
	{"a time with a fraction", `Z","eventSource"`, `.5Z","eventSource"`},
	{"a time with a zone", `Z","eventSource"`, `+01:00","eventSource"`},
	{"a time that is a number", `"eventTime":"`, `"eventTime":1772615700,"x":"`},
	{"a day that is none", `2026-03-04T`, `2026-02-30T`},
	{"a second that is none", `09:15:10Z`, `09:15:61Z`},
	{"the time before AWS", `2026-03-04T`, `1970-01-01T`},
	{"another day", `2026-03-04T`, `2026-03-05T`},
	{"a source of Lambda's", `"kms.amazonaws.com"`, `"aws:sqs"`},
	{"a source that is empty", `"kms.amazonaws.com"`, `""`},
	{"a source that is null", `"kms.amazonaws.com"`, `null`},
	{"a number for a name", `"Decrypt"`, `7`},
	{"an error code that is an object", `"readOnly":`, `"errorCode":{"a":1},"readOnly":`},
	{"an error code that is empty", `"readOnly":`, `"errorCode":"","readOnly":`},
	{"an error code in other words", `"readOnly":`, `"errorCode":"Access\u0044enied","readOnly":`},
	{"a list", `"requestParameters":`, `"Records":[],"requestParameters":`},
	{"a list before everything", `"userIdentity":`, `"Events":[1],"userIdentity":`},
	{"a caller that is text", `"userIdentity":{`, `"userIdentity":"x","y":{`},
	{"a caller with another member behind", `},"eventTime"`, `,"x":{}},"eventTime"`},
	{"a number that goes on", `"n":`, `"n":1`},
	{"a number that is none", `"n":`, `"n":0`},
	{"an unfinished number", `2.5e3`, `2.5e`},
	{"a misspelt literal", `true`, `trve`},
	{"a control character", `TLSv1.3`, "TLSv1.\x013"},
	{"an escape that is none", `TLSv1.3`, `TLSv1.\x3`},
	{"an escaped quote", `TLSv1.3`, `TLSv1.3\"`},
	{"invalid UTF-8", `TLSv1.3`, "TLSv1.3\xff"},
	{"no value before a comma", `{"keyId":`, `,"x":{"keyId":`},
	{"no value before the end", `{"tlsVersion":`, `},"x":{"tlsVersion":`},
	{"no value for a text", `"us-east-1"`, ``},
	{"a missing comma", `,"awsRegion"`, `"awsRegion"`},
	{"a trailing comma", `"}}`, `"},}`},
	{"a wrong closer", `]}`, `}}`},
	{"a missing quote", `"kms.`, `kms.`},
	{"nesting beyond all measure", `[1,`, strings.Repeat("[", 511) + strings.Repeat("]", 511) + `,[1,`},
	{"nesting beyond all measure in a known place", `"depth":[1,`, `"depth":` + strings.Repeat("[", 510) + strings.Repeat("]", 510) + `,"d":[1,`},
}

// TestTheQuickWayReadsTheSame holds each quirk, in each record, between records
// without it, in each of the forms of a stream.
func TestTheQuickWayReadsTheSame(t *testing.T) {
	forms := map[string]func(...string) string{
		"log file": inLogFile, "lines": func(r ...string) string { return strings.Join(r, "\n") }, "array": func(r ...string) string { return "[" + strings.Join(r, ",") + "]" },
		"lookup": inLookup, "events": func(r ...string) string {
			var b strings.Builder
			for _, one := range r {
				b.WriteString(inEvent(one) + "\n")
			}
			return b.String()
		},
		"marked":   func(r ...string) string { return "\xef\xbb\xbf" + inLogFile(r...) + "\n" + inLogFile(r...) },
		"indented": func(r ...string) string { return indented(inLogFile(r...)) },
	}
	for name, wrap := range forms {
		t.Run(name, func(t *testing.T) {
			stats := checkQuick(t, []byte(wrap(alikes()...)))
			checkRemembered(t, []byte(wrap(alikes()...)))
			if stats.Uses == 0 || stats.Signals == 0 || stats.Irrelevant == 0 {
				t.Errorf("counts %+v, want some of everything", stats)
			}
		})
	}
	for _, q := range quirks {
		t.Run(q.name, func(t *testing.T) {
			all := alikes()
			changed := 0
			for _, r := range all {
				odd := strings.Replace(r, q.from, q.to, 1)
				if odd == r {
					continue
				}
				changed++
				for _, wrap := range forms {
					checkQuick(t, []byte(wrap(all[0], odd, all[1], odd, odd, all[5], all[10], all[2])))
					checkRemembered(t, []byte(wrap(odd, all[0], odd)))
				}
			}
			if changed == 0 {
				t.Error("no record has what is to be changed")
			}
		})
	}
}

// TestTheQuickWayIsTaken holds that it is: records that say nothing new are not
// odd, and a log file that somebody indented is.
func TestTheQuickWayIsTaken(t *testing.T) {
	var plain []string
	for range 3 {
		plain = append(plain, alikes()[:12]...)
	}
	c, stats := decodeText(t, inLogFile(plain...))
	if stats.Odd != 0 || stats.Uses <= len(c.uses) || len(c.uses) > 6 {
		t.Errorf("counts %+v, %d uses after joining; want none odd, and few", stats, len(c.uses))
	}
	_, stats = decodeText(t, indented(inLogFile(plain...)))
	if stats.Odd != stats.Records || stats.Odd == 0 {
		t.Errorf("counts %+v, want all records odd", stats)
	}
	if _, stats = decodeText(t, inEvent(alikes()[0])); stats.Odd != 0 {
		t.Errorf("counts %+v, want an event not to be odd", stats)
	}
}

// TestUsesAreJoinedInBoundedMemory reads more kinds of use than are held.
// TestNothingIsOddAboutPieces has records come in pieces of all sizes, none of
// which make them odd.
func TestNothingIsOddAboutPieces(t *testing.T) {
	in := `{"Records":[` + strings.Join([]string{usual(byRole, "e-1", "10"), usual(byUser, "e-2", "20"), usual(byRole, "e-3", "30")}, ",") + "]}"
	for size := range 40 {
		var sizes []int
		for range len(in) / (size + 1) {
			sizes = append(sizes, size+1)
		}
		stats, err := Decode(&chunks{in, sizes}, "test", nowhere{})
		if err != nil || stats.Odd != 0 || stats.Uses != 3 {
			t.Errorf("in pieces of %d bytes: %+v, %v", size+1, stats, err)
		}
	}
}

func TestUsesAreJoinedInBoundedMemory(t *testing.T) {
	var lines []string
	for i := range maxFolded + 300 {
		lines = append(lines, strings.Replace(usual(byRole, "e-1", "10"), "kms.", fmt.Sprintf("s%d.", i), 1))
	}
	checkQuick(t, []byte(strings.Join(lines, "\n")))
}

// TestTheQuickWayReadsEveryRecordingTheSame holds both ways against each other on
// all events at hand.
func TestTheQuickWayReadsEveryRecordingTheSame(t *testing.T) {
	for _, root := range []string{"../../events", recordedFolder} {
		n := 0
		if _, err := os.Stat(root); err != nil {
			t.Logf("NOT CHECKED: %s is missing, so both ways of reading were not compared on it", root)
			continue
		}
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			streams := [][]byte{b}
			for _, f := range txtar.Parse(b).Files {
				streams = append(streams, f.Data)
			}
			for _, s := range streams {
				n++
				t.Run(path, func(t *testing.T) {
					checkQuick(t, s)
					checkRemembered(t, s)
				})
			}
			return nil
		})
		if err != nil || n == 0 {
			t.Errorf("%d streams in %s: %v", n, root, err)
		}
	}
}

// TestTheQuickWayReadsDamagedRecordsTheSame breaks log files at random.
func TestTheQuickWayReadsDamagedRecordsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.SampledFrom(alikes()), 2, 8).Draw(t, "records")
		wrap := rapid.SampledFrom([]func(...string) string{inLogFile, func(r ...string) string { return strings.Join(r, "\n") }}).Draw(t, "wrap")
		b := []byte(wrap(records...))
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			b[i] = rapid.SampledFrom([]byte("{}[]\",:\\ 0-.eutfn\x00\n\xff")).Draw(t, "byte")
		}
		checkQuick(t, b[:rapid.IntRange(0, len(b)).Draw(t, "cut")])
	})
}

// FuzzQuick holds the quick way of reading against the full one, for what is
// given amid records that make it known, and that follow what it may have spoilt.
func FuzzQuick(f *testing.F) {
	all := alikes()
	for _, r := range all {
		f.Add([]byte(r))
	}
	for _, q := range quirks {
		for _, r := range all {
			if odd := strings.Replace(r, q.from, q.to, 1); odd != r && len(odd) < 4096 {
				f.Add([]byte(odd))
				break
			}
		}
	}
	for _, seed := range []string{
		inLogFile(all[:6]...), inLogFile(all[0], all[1][:200]), "[" + strings.Join(all[:3], ",") + "]", inEvent(all[0]), inLookup(all[0], all[1]), inBatch(all[0], inEvent(all[1])),
		"\xef\xbb\xbf" + all[0], indented(all[0]), all[0][:len(all[0])/2], cutDeletion("x"), all[0][:len(all[0])-1],
	} {
		f.Add([]byte(seed))
	}
	for _, odd := range quirks { // twice, so that what it does is known, and once more in another way
		if r := strings.Replace(all[3], odd.from, odd.to, 1); len(r) < 1200 {
			f.Add([]byte(r + "\n" + r + "\n" + all[4]))
		}
	}
	before := strings.Join([]string{all[0], all[1], all[5], all[7], all[11]}, "\n") + "\n"
	after := "\n" + all[2] + "\n"
	f.Fuzz(func(t *testing.T, b []byte) {
		checkQuick(t, []byte(before+string(b)+after))
	})
}
