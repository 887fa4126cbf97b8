package dynamo

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Attributes, besides those of package config.
const (
	dataAttr    = "d"
	versionAttr = "v"
	kindAttr    = "kind"
	dueAttr     = "due"
	dueIndex    = "by-due"
)

func keyOf(node, sort string) ddb.Attributes {
	return ddb.Attributes{config.TablePartition: ddb.Text(node), config.TableSort: ddb.Text(sort)}
}

// evidenceItem is an item of evidence, whole.
func evidenceItem(item filing.Item) ddb.Attributes {
	a := keyOf(item.Node, item.Sort)
	a[dataAttr] = ddb.Binary(item.Data)
	if !item.Expires.IsZero() {
		a[config.TableExpiry] = ddb.Seconds(item.Expires)
	}
	if !item.Due.IsZero() {
		a[kindAttr], a[dueAttr] = ddb.Text(string(item.Kind())), ddb.Text(timeKey(item.Due))
	}
	return a
}

// timeKey sorts as times do.
func timeKey(t time.Time) string {
	if t = t.UTC(); t.Year() > 9999 {
		t = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	}
	return t.Format("2006-01-02T15:04:05.000000000Z")
}

func itemOf(a ddb.Attributes) filing.Item {
	item := filing.Item{Sort: a.Text(config.TableSort), Data: a.Binary(dataAttr), Version: a.Number(versionAttr)}
	if s := a.Number(config.TableExpiry); s != 0 {
		item.Expires = time.Unix(s, 0).UTC()
	}
	return item
}

// StreamCase reads a case from the new image of a record of the table's stream,
// as Lambda hands it over. It reports whether the record is about a case.
func StreamCase(newImage []byte) (c store.Case, ok bool, err error) {
	var image ddb.Attributes
	if err := json.Unmarshal(newImage, &image); err != nil {
		return c, false, fmt.Errorf("read stream record: %w", err)
	}
	node := image.Text(config.TablePartition)
	if !strings.HasPrefix(node, config.TableCases) {
		return c, false, nil
	}
	version, err := strconv.ParseInt(image[versionAttr].N, 10, 64)
	if err != nil {
		return c, false, fmt.Errorf("read stream record of %s: version: %w", node, err)
	}
	c, err = filing.DecodeCase(image.Binary(dataAttr), version)
	return c, err == nil, err
}
