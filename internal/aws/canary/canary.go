// Package canary keeps canaries on their way in the table, so that they pass the
// table's stream as findings do, and so that whoever sent one can read when its
// alert went out.
//
//	pk canary/<id>, sk canary    account, region, sent; told once the alert went out
//
// An item expires after a day.
package canary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
)

const (
	sortKey  = "canary"
	lifetime = 24 * time.Hour
)

// Attributes, besides those of package config.
const (
	accountAttr = "account"
	regionAttr  = "region"
	sentAttr    = "sent"
	toldAttr    = "told"
)

// Table is the table that canaries pass.
type Table struct {
	client *ddb.Client
	name   string
}

// New returns the table of a name.
func New(c *ddb.Client, name string) *Table { return &Table{c, name} }

// Keep puts a canary into the table. One that is there already stays as it is:
// the queue may deliver it again.
func (t *Table) Keep(ctx context.Context, c incident.Canary, now time.Time) error {
	in := ddb.PutInput{
		TableName: t.name, Item: item(c, now),
		ConditionExpression:      "attribute_not_exists(#p)",
		ExpressionAttributeNames: map[string]string{"#p": config.TablePartition},
	}
	err := t.client.Call(ctx, "PutItem", in, &ddb.WriteOutput{})
	if err != nil && !ddb.Is(err, "ConditionalCheckFailedException") {
		return fmt.Errorf("keep canary %s in table %s: %w", c.ID, t.name, err)
	}
	return nil
}

// Told writes down when a canary's alert went out.
func (t *Table) Told(ctx context.Context, c incident.Canary, at time.Time) error {
	told := item(c, at)
	told[toldAttr] = ddb.Text(at.UTC().Format(time.RFC3339Nano))
	if err := t.client.Call(ctx, "PutItem", ddb.PutInput{TableName: t.name, Item: told}, &ddb.WriteOutput{}); err != nil {
		return fmt.Errorf("mark canary %s in table %s: %w", c.ID, t.name, err)
	}
	return nil
}

// When returns when a canary's alert went out; zero if it has not yet. Kept says
// whether the canary has come as far as the table.
func (t *Table) When(ctx context.Context, id string) (told time.Time, kept bool, err error) {
	var out ddb.Page
	err = t.client.Call(ctx, "Query", ddb.QueryInput{
		TableName: t.name, ConsistentRead: true,
		KeyConditionExpression:    "#p = :p",
		ExpressionAttributeNames:  map[string]string{"#p": config.TablePartition},
		ExpressionAttributeValues: ddb.Attributes{":p": ddb.Text(config.TableCanaries + id)},
	}, &out)
	switch {
	case err != nil:
		return told, false, fmt.Errorf("look for canary %s in table %s: %w", id, t.name, err)
	case len(out.Items) == 0:
		return told, false, nil
	case out.Items[0].Text(toldAttr) == "":
		return told, true, nil
	}
	told, err = time.Parse(time.RFC3339Nano, out.Items[0].Text(toldAttr))
	if err != nil {
		return told, true, fmt.Errorf("read canary %s of table %s: %w", id, t.name, err)
	}
	return told, true, nil
}

func item(c incident.Canary, now time.Time) ddb.Attributes {
	a := ddb.Attributes{
		config.TablePartition: ddb.Text(config.TableCanaries + c.ID), config.TableSort: ddb.Text(sortKey),
		config.TableExpiry: ddb.Seconds(now.Add(lifetime)), sentAttr: ddb.Text(c.Sent.UTC().Format(time.RFC3339Nano)),
	}
	for name, value := range map[string]string{accountAttr: c.Account, regionAttr: c.Region} {
		if value != "" {
			a[name] = ddb.Text(value)
		}
	}
	return a
}

// FromStream reads a canary from the new image of a record of the table's
// stream. It reports whether the record is about one that was not told yet.
func FromStream(newImage []byte) (c incident.Canary, ok bool, err error) {
	var image ddb.Attributes
	if err := json.Unmarshal(newImage, &image); err != nil {
		return c, false, fmt.Errorf("read stream record: %w", err)
	}
	id, found := strings.CutPrefix(image.Text(config.TablePartition), config.TableCanaries)
	if !found || image.Text(toldAttr) != "" {
		return c, false, nil
	}
	sent, err := time.Parse(time.RFC3339Nano, image.Text(sentAttr))
	if err != nil {
		return c, false, errors.New("read stream record of a canary: sent is no time")
	}
	return incident.Canary{ID: id, Account: image.Text(accountAttr), Region: image.Text(regionAttr), Sent: sent}, true, nil
}
