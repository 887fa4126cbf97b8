package investigate

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// Schema names the shape of a result in JSON.
const Schema = "trailverdict.investigation/v1"

type wireResult struct {
	Schema    string            `json:"schema"`
	Account   string            `json:"account"`
	Partition string            `json:"partition"`
	Regions   []string          `json:"regions"`
	From      string            `json:"from"`
	To        string            `json:"to"`
	Key       string            `json:"accessKeyId,omitempty"`
	Principal string            `json:"principal,omitempty"`
	Complete  bool              `json:"complete"`
	Requests  int               `json:"requests"`
	Events    int               `json:"events"`
	Findings  []json.RawMessage `json:"findings"`
	Others    []json.RawMessage `json:"others"`
	Keys      []*wireKey        `json:"keys"`
	Unread    []wireUnread      `json:"unread"`
	Unseen    []string          `json:"unseen"`
}

type wireUnread struct {
	Region    string `json:"region"`
	Attribute string `json:"attribute,omitempty"`
	Value     string `json:"value,omitempty"`
	Why       string `json:"why"`
}

type wireKey struct {
	ID       string        `json:"accessKeyId"`
	Owner    *wireOwner    `json:"owner,omitempty"`
	Issuance *wireIssuance `json:"issuance,omitempty"`
	CutOffs  []wireCutOff  `json:"cutOffs"`
	Calls    []wireTally   `json:"calls"`
	Places   []wirePlace   `json:"places"`
	Parent   *wireKey      `json:"parent,omitempty"`
	Children []*wireKey    `json:"children"`
}

type wireOwner struct {
	Type    string `json:"type"`
	Account string `json:"account,omitempty"`
	Name    string `json:"name"`
	ARN     string `json:"arn,omitempty"`
}

type wireIssuance struct {
	Time      string `json:"time"`
	Expires   string `json:"expires,omitempty"`
	Operation string `json:"operation"`
	By        string `json:"by"`
	SourceIP  string `json:"sourceIPAddress,omitempty"`
	Client    string `json:"client,omitempty"`
	Session   string `json:"session,omitempty"`
	Identity  string `json:"identity,omitempty"`
}

type wireCutOff struct {
	Time     string `json:"time"`
	What     string `json:"what"`
	By       string `json:"by"`
	SourceIP string `json:"sourceIPAddress,omitempty"`
}

type wireTally struct {
	Operation string         `json:"operation"`
	Count     int            `json:"count"`
	Errors    map[string]int `json:"errors,omitempty"`
	First     string         `json:"first"`
	Last      string         `json:"last"`
}

type wirePlace struct {
	Source  string `json:"sourceIPAddress"`
	Client  string `json:"client,omitempty"`
	First   string `json:"first"`
	Last    string `json:"last"`
	Refused bool   `json:"refused,omitempty"`
}

// JSON writes a result as one line. Findings have their own schema.
func JSON(w io.Writer, r Result) error {
	out := wireResult{
		Schema: Schema, Account: r.Account, Partition: r.Partition, Regions: r.Regions, From: stamp(r.From), To: stamp(r.To), Key: r.Key, Principal: r.Principal.Name,
		Complete: len(r.Unread) == 0, Requests: r.Requests, Events: r.Events, Keys: []*wireKey{}, Unread: []wireUnread{}, Unseen: r.Blind(),
	}
	var err error
	if out.Findings, err = wireFindings(r.Findings); err != nil {
		return err
	}
	if out.Others, err = wireFindings(r.Others); err != nil {
		return err
	}
	for _, k := range r.Keys {
		out.Keys = append(out.Keys, k.wire())
	}
	for _, u := range r.Unread {
		out.Unread = append(out.Unread, wireUnread{u.Region, u.Attribute, u.Value, u.Why})
	}
	return render.JSONLine(w, out)
}

func wireFindings(list []incident.Finding) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	for _, f := range list {
		var b bytes.Buffer
		if err := render.JSON(&b, f); err != nil {
			return nil, err
		}
		out = append(out, bytes.TrimSpace(b.Bytes()))
	}
	return out, nil
}

func (k *Key) wire() *wireKey {
	out := &wireKey{ID: k.ID, CutOffs: []wireCutOff{}, Calls: []wireTally{}, Places: []wirePlace{}, Children: []*wireKey{}}
	if o := k.Owner; o.Known() {
		out.Owner = &wireOwner{string(o.Type), o.Account, render.Printable(o.Name), o.ARN}
	}
	if is := k.Issuance; is != nil {
		out.Issuance = &wireIssuance{
			stamp(is.Time), stamp(is.Expires), is.Operation, render.Printable(is.By), render.Printable(is.From),
			is.Client, render.Printable(is.Session), render.Printable(is.Identity),
		}
	}
	for _, c := range k.CutOffs {
		out.CutOffs = append(out.CutOffs, wireCutOff{stamp(c.Time), c.What, render.Printable(c.By), render.Printable(c.From)})
	}
	for _, c := range k.Calls {
		out.Calls = append(out.Calls, wireTally{c.Operation, c.Count, c.Errors, stamp(c.First), stamp(c.Last)})
	}
	for _, p := range k.Places {
		out.Places = append(out.Places, wirePlace{render.Printable(p.Source), p.Client, stamp(p.First), stamp(p.Last), p.Refused})
	}
	if k.Parent != nil {
		out.Parent = k.Parent.wire()
	}
	for _, c := range k.Children {
		out.Children = append(out.Children, c.wire())
	}
	return out
}

// stamp is a time in RFC 3339, empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
