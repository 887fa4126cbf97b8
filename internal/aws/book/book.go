// Package book keeps, in DynamoDB, what was told about cases: package notify's
// Book and Cuts.
package book

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/notify"
)

// Where the book lies in the table. Neither begins as cases do, so that writing
// it tells notify nothing.
const (
	pagesNode = "told/"
	cutsNode  = "cuts"
	pageSort  = "told"
)

// Attributes, besides those of package config.
const (
	dataAttr    = "d"
	versionAttr = "v"
)

// Book keeps what was told about cases, in the same table as the cases.
//
//	pk told/<case>, sk told     a page: d its contents, v its version; in the
//	                            index of what is due while it is
//	pk cuts,        sk <case>   a cut-off: d its contents
//
// Both expire, some time after the last moment that stands in them. Cut-offs
// share a partition: there is one for each time that somebody cut something off
// in the last days, and they are read when a finding about failures would be
// told.
type Book struct {
	client    *ddb.Client
	table     string
	retention time.Duration
}

// cutRetention is how long after its end a cut-off is kept for what comes late.
const cutRetention = 8 * 24 * time.Hour

// New returns a book in a table. Retention is how long after its last moment
// a page is kept; it must not be less than what cases have.
func New(c *ddb.Client, table string, retention time.Duration) *Book {
	return &Book{client: c, table: table, retention: retention}
}

// Page returns the page of a case.
func (b *Book) Page(ctx context.Context, caseID string) (notify.Page, error) {
	var out ddb.Page
	err := b.client.Call(ctx, "Query", ddb.QueryInput{
		TableName: b.table, ConsistentRead: true,
		KeyConditionExpression:    "#p = :p AND #s = :s",
		ExpressionAttributeNames:  map[string]string{"#p": config.TablePartition, "#s": config.TableSort},
		ExpressionAttributeValues: ddb.Attributes{":p": ddb.Text(pagesNode + caseID), ":s": ddb.Text(pageSort)},
	}, &out)
	if err != nil {
		return notify.Page{}, fmt.Errorf("query page of %s in table %s: %w", caseID, b.table, err)
	}
	if len(out.Items) == 0 {
		return notify.Page{CaseID: caseID}, nil
	}
	var w wirePage
	if err := json.Unmarshal(out.Items[0].Binary(dataAttr), &w); err != nil {
		return notify.Page{}, fmt.Errorf("read page of %s: %w", caseID, err)
	}
	return w.page(caseID, out.Items[0].Number(versionAttr)), nil
}

// Keep stores a page if it is still at its version.
func (b *Book) Keep(ctx context.Context, p notify.Page) error {
	due := dueIndex()
	data, err := json.Marshal(wireOf(p))
	if err != nil {
		return fmt.Errorf("write page of %s: %w", p.CaseID, err)
	}
	item := bookItem(pagesNode+p.CaseID, pageSort, data, lastMoment(p), b.retention)
	item[versionAttr] = ddb.Number(p.Version + 1)
	if !p.Due.IsZero() {
		item[due.Partition], item[due.Sort] = ddb.Text(dueKind), ddb.Text(dueKey(p.Due))
	}
	in := ddb.PutInput{TableName: b.table, Item: item}
	if p.Version == 0 {
		in.ConditionExpression = "attribute_not_exists(#x)"
		in.ExpressionAttributeNames = map[string]string{"#x": config.TablePartition}
	} else {
		in.ConditionExpression = "#x = :v"
		in.ExpressionAttributeNames = map[string]string{"#x": versionAttr}
		in.ExpressionAttributeValues = ddb.Attributes{":v": ddb.Number(p.Version)}
	}
	if err := b.client.Call(ctx, "PutItem", in, &ddb.WriteOutput{}); err != nil {
		if ddb.Is(err, "ConditionalCheckFailedException") {
			return fmt.Errorf("page of %s is not at version %d: %w", p.CaseID, p.Version, notify.ErrConflict)
		}
		return fmt.Errorf("put page of %s into table %s: %w", p.CaseID, b.table, err)
	}
	return nil
}

// bookItem is an item that ends some time after a moment, if that is known. The
// database drops nothing whose end lies years back.
func bookItem(node, sort string, data []byte, last time.Time, retention time.Duration) ddb.Attributes {
	item := ddb.Attributes{config.TablePartition: ddb.Text(node), config.TableSort: ddb.Text(sort)}
	item[dataAttr] = ddb.Binary(data)
	if !last.IsZero() {
		item[config.TableExpiry] = ddb.Seconds(last.Add(retention))
	}
	return item
}

// lastMoment is the latest time that stands in a page.
func lastMoment(p notify.Page) time.Time {
	last := p.Claim.Until
	for _, told := range p.Told {
		if told.At.After(last) {
			last = told.At
		}
	}
	for _, t := range []time.Time{p.Opened, p.Due} {
		if t.After(last) {
			last = t
		}
	}
	if p.Cut.Until.After(last) {
		last = p.Cut.Until
	}
	return last
}

// dueKind is the partition of the index of what is due that pages are in, beside
// cases and evidence.
const dueKind = "told"

func dueIndex() config.TableIndex { return config.TableIndexes()[0] }

// dueKey sorts as times do.
func dueKey(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// Due returns the ids of the first cases that are due at t. The index is a moment
// behind the table.
func (b *Book) Due(ctx context.Context, t time.Time) (caseIDs []string, err error) {
	due := dueIndex()
	var out ddb.Page
	err = b.client.Call(ctx, "Query", ddb.QueryInput{
		TableName: b.table, IndexName: due.Name,
		KeyConditionExpression:    "#k = :k AND #d <= :t",
		ExpressionAttributeNames:  map[string]string{"#k": due.Partition, "#d": due.Sort},
		ExpressionAttributeValues: ddb.Attributes{":k": ddb.Text(dueKind), ":t": ddb.Text(dueKey(t))},
	}, &out)
	if err != nil {
		return nil, fmt.Errorf("query what is due in table %s: %w", b.table, err)
	}
	for _, item := range out.Items {
		caseIDs = append(caseIDs, strings.TrimPrefix(item.Text(config.TablePartition), pagesNode))
	}
	return caseIDs, nil
}

// Cuts returns the cut-offs that can still explain something at t.
func (b *Book) Cuts(ctx context.Context, t time.Time) ([]notify.Cut, error) {
	in := ddb.QueryInput{
		TableName: b.table, ConsistentRead: true,
		KeyConditionExpression:    "#p = :p",
		ExpressionAttributeNames:  map[string]string{"#p": config.TablePartition},
		ExpressionAttributeValues: ddb.Attributes{":p": ddb.Text(cutsNode)},
	}
	var list []notify.Cut
	for {
		var out ddb.Page
		if err := b.client.Call(ctx, "Query", in, &out); err != nil {
			return nil, fmt.Errorf("query cut-offs in table %s: %w", b.table, err)
		}
		for _, item := range out.Items {
			var w wireCut
			if err := json.Unmarshal(item.Binary(dataAttr), &w); err != nil {
				return nil, fmt.Errorf("read cut-off %s: %w", item.Text(config.TableSort), err)
			}
			if !w.Until.Before(t) && len(w.Names) > 0 {
				list = append(list, notify.Cut{CaseID: item.Text(config.TableSort), Subject: w.Subject, Names: w.Names, From: w.From, Until: w.Until})
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return list, nil
		}
	}
}

// KeepCut stores a cut-off. One that is to be forgotten stays as an empty one
// until it expires.
func (b *Book) KeepCut(ctx context.Context, c notify.Cut) error {
	data, err := json.Marshal(wireCut{c.Subject, c.Names, c.From, c.Until})
	if err != nil {
		return fmt.Errorf("write cut-off %s: %w", c.CaseID, err)
	}
	item := bookItem(cutsNode, c.CaseID, data, c.Until, cutRetention)
	if err := b.client.Call(ctx, "PutItem", ddb.PutInput{TableName: b.table, Item: item}, &ddb.WriteOutput{}); err != nil {
		return fmt.Errorf("put cut-off %s into table %s: %w", c.CaseID, b.table, err)
	}
	return nil
}

// The storage format of a page. Members are short, since every message about a
// case writes them.
type (
	wirePage struct {
		Name   string              `json:"n,omitempty"`
		Told   map[string]wireTold `json:"t,omitempty"`
		Given  wireGiven           `json:"g,omitzero"`
		Claim  wireClaim           `json:"c,omitzero"`
		Thread string              `json:"h,omitempty"`
		Opened time.Time           `json:"o,omitzero"`
		Due    time.Time           `json:"u,omitzero"`
		Node   string              `json:"s,omitempty"`
		Broken []wireBroken        `json:"b,omitempty"`
		Cut    wireKept            `json:"k,omitzero"`
	}
	wireTold struct {
		Revision int       `json:"r"`
		Version  int64     `json:"v"`
		Verdict  string    `json:"d"`
		Cause    string    `json:"c,omitempty"`
		Severity int       `json:"s,omitempty"`
		Members  []string  `json:"m,omitempty"`
		Broken   int       `json:"b,omitempty"`
		Closed   bool      `json:"e,omitempty"`
		At       time.Time `json:"a"`
	}
	wireGiven struct {
		Revision int   `json:"r"`
		Version  int64 `json:"v"`
		Broken   int   `json:"b,omitempty"`
	}
	wireClaim struct {
		Token string    `json:"t"`
		Until time.Time `json:"u"`
	}
	wireBroken struct {
		CaseID  string `json:"i"`
		Subject string `json:"s"`
		Name    string `json:"n"`
	}
	wireKept struct {
		Version int64     `json:"v"`
		Names   string    `json:"n,omitempty"`
		From    time.Time `json:"f,omitzero"`
		Until   time.Time `json:"u,omitzero"`
	}
	wireCut struct {
		Subject string    `json:"s"`
		Names   []string  `json:"n,omitempty"`
		From    time.Time `json:"f,omitzero"`
		Until   time.Time `json:"u,omitzero"`
	}
)

func wireOf(p notify.Page) wirePage {
	w := wirePage{Name: p.Name, Given: wireGiven(p.Given), Claim: wireClaim(p.Claim), Thread: p.Thread, Cut: wireKept(p.Cut), Opened: p.Opened, Due: p.Due, Node: p.Subject}
	for _, broken := range p.Broken {
		w.Broken = append(w.Broken, wireBroken(broken))
	}
	for channel, t := range p.Told {
		if w.Told == nil {
			w.Told = map[string]wireTold{}
		}
		w.Told[channel] = wireTold{t.Revision, t.Version, string(t.Verdict), string(t.Cause), int(t.Severity), t.Members, t.Broken, t.Closed, t.At}
	}
	return w
}

func (w wirePage) page(caseID string, version int64) notify.Page {
	p := notify.Page{CaseID: caseID, Version: version, Name: w.Name, Given: notify.Given(w.Given), Claim: notify.Claim(w.Claim), Thread: w.Thread, Cut: notify.KeptCut(w.Cut), Opened: w.Opened, Due: w.Due, Subject: w.Node}
	for _, broken := range w.Broken {
		p.Broken = append(p.Broken, notify.Broken(broken))
	}
	for channel, t := range w.Told {
		if p.Told == nil {
			p.Told = map[string]notify.Told{}
		}
		p.Told[channel] = notify.Told{
			Revision: t.Revision, Version: t.Version, Verdict: incident.Verdict(t.Verdict), Cause: incident.Cause(t.Cause), Severity: incident.Severity(t.Severity),
			Members: t.Members, Broken: t.Broken, Closed: t.Closed, At: t.At,
		}
	}
	return p
}
