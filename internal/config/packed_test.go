package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// full is a configuration in which every list has an entry.
func full() Config {
	c := Default()
	at := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	c.Settings.Accounts = []string{"012345678901"}
	c.Settings.Responders = []string{"incident-*"}
	c.Settings.TrustedNetworks = []string{"198.51.100.0/24"}
	c.Settings.ChangeWindows = []incident.ChangeWindow{
		{Name: "<weekly> & more", Days: []time.Weekday{time.Sunday}, From: 22 * time.Hour, Until: 26 * time.Hour, Actors: []string{"deployer"}},
		{Name: "once", Start: at, End: at.Add(time.Hour), Subjects: []string{"a-*"}, Expects: []incident.Cause{incident.KeyRotated}},
	}
	c.Settings.Suppressions = []incident.Suppression{{Cause: incident.ClockSkew, Until: at, Reason: "a clock that we know of"}}
	c.Routes = []routing.Route{{
		Name: "soc", Type: routing.Email, Target: "soc@example.com", Match: routing.Match{Severity: incident.High, Subjects: []string{"a-*"}, Owners: []string{"soc"}, Tags: []incident.TagMatch{{Key: "team", Values: []string{"a*", ""}}}}, Otherwise: true, After: time.Hour, Repeat: 4 * time.Hour,
		Quiet: []routing.Hours{{Days: []time.Weekday{time.Monday}, From: 20 * time.Hour, Until: 31 * time.Hour, Zone: "Europe/Berlin", Clock: []routing.Shift{{}, {From: at, Ahead: time.Hour}}}}, Urgent: incident.High,
	}}
	c.Settings.Owners = []incident.Owner{{Name: "payments", Subjects: []string{"payments-*"}}}
	c.Settings.OwnerTag, c.Settings.Tags = "team", []string{"stage", "team"}
	c.LogGroups = []LogGroup{{Pattern: "/ecs/*", Workload: "payments"}}
	return c
}

func pack(t *testing.T, c Config) []byte {
	t.Helper()
	b, err := Pack(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsPackedIsUnpacked(t *testing.T) {
	for _, c := range []Config{{}, Default(), full()} {
		if got, err := Unpack(pack(t, c)); err != nil || !cmp.Equal(c, got) {
			t.Errorf("%v\n%s", err, cmp.Diff(c, got))
		}
	}
}

func TestUnpackRefusesWhatWasNotPackedSo(t *testing.T) {
	good := string(pack(t, full()))
	body := `{"Settings":{},"Future":1}`
	for name, data := range map[string]string{
		"nothing":                    "",
		"the file that people write": "version: 1\n",
		"half of it":                 good[:len(good)/2],
		"two of them":                good + good,
		"an unknown member":          strings.Replace(good, `"version"`, `"extra":1,"version"`, 1),
		"a member of the future":     `{"version":1,"sha256":"` + digest([]byte(body)) + `","config":` + body + `}`,
		"another version":            strings.Replace(good, `"version":1`, `"version":2`, 1),
		"a changed threshold":        strings.Replace(good, `"PlainFailures":`, `"PlainFailures":1`, 1),
		"no digest":                  `{"version":1,"config":{}}`,
	} {
		if data == good {
			t.Fatalf("%s: the case changes nothing", name)
		}
		if c, err := Unpack([]byte(data)); err == nil || !cmp.Equal(c, Config{}) {
			t.Errorf("%s: %+v, %v; want an error", name, c, err)
		}
	}
}

func TestLoadPacked(t *testing.T) {
	read := func(path string) ([]byte, error) {
		switch path {
		case PackedName:
			return pack(t, full()), nil
		case "broken.json":
			return []byte("{"), nil
		}
		return nil, fs.ErrNotExist
	}
	if c, err := LoadPacked("", read); err != nil || !cmp.Equal(c, Default()) {
		t.Errorf("without a path: %+v, %v; want the defaults", c, err)
	}
	if c, err := LoadPacked(PackedName, read); err != nil || !cmp.Equal(c, full()) {
		t.Errorf("LoadPacked: %+v, %v", c, err)
	}
	if _, err := LoadPacked("elsewhere.json", read); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "configuration") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := LoadPacked("broken.json", read); err == nil || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("a broken file: %v; want its name", err)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, c := range []Config{{}, Default(), full()} {
		b, err := Pack(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Unpack(data)
		if err != nil {
			return
		}
		if again, err := Unpack(pack(t, c)); err != nil || !cmp.Equal(c, again) {
			t.Errorf("%v\n%s", err, cmp.Diff(c, again))
		}
	})
}
