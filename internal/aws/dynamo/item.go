package dynamo

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

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

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textOf(a attributes, name string) string {
	if v, ok := a[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func numberOf(a attributes, name string) int64 {
	v, ok := a[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(v.Value, 10, 64) // 0 where it is none
	return n
}

func bytesOf(a attributes, name string) []byte {
	if v, ok := a[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

func keyOf(node, sort string) attributes {
	return attributes{config.TablePartition: text(node), config.TableSort: text(sort)}
}

// evidenceItem is an item of evidence, whole.
func evidenceItem(item filing.Item) attributes {
	a := keyOf(item.Node, item.Sort)
	a[dataAttr] = &types.AttributeValueMemberB{Value: item.Data}
	if !item.Expires.IsZero() {
		a[config.TableExpiry] = number(seconds(item.Expires))
	}
	if !item.Due.IsZero() {
		a[kindAttr], a[dueAttr] = text(string(item.Kind())), text(timeKey(item.Due))
	}
	return a
}

// seconds rounds up, so that nothing is dropped before its time.
func seconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// timeKey sorts as times do.
func timeKey(t time.Time) string {
	if t = t.UTC(); t.Year() > 9999 {
		t = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	}
	return t.Format("2006-01-02T15:04:05.000000000Z")
}

func itemOf(a attributes) filing.Item {
	item := filing.Item{Sort: textOf(a, config.TableSort), Data: bytesOf(a, dataAttr), Version: numberOf(a, versionAttr)}
	if s := numberOf(a, config.TableExpiry); s != 0 {
		item.Expires = time.Unix(s, 0).UTC()
	}
	return item
}

// StreamCase reads a case from the new image of a record of the table's stream,
// as Lambda hands it over. It reports whether the record is about a case.
func StreamCase(newImage []byte) (c store.Case, ok bool, err error) {
	var image struct {
		Partition struct{ S string } `json:"pk"`
		Version   struct{ N string } `json:"v"`
		Data      struct{ B string } `json:"d"`
	}
	if err := json.Unmarshal(newImage, &image); err != nil {
		return c, false, fmt.Errorf("read stream record: %w", err)
	}
	if !strings.HasPrefix(image.Partition.S, config.TableCases) {
		return c, false, nil
	}
	data, err := base64.StdEncoding.DecodeString(image.Data.B)
	if err != nil {
		return c, false, fmt.Errorf("read stream record of %s: data: %w", image.Partition.S, err)
	}
	version, err := strconv.ParseInt(image.Version.N, 10, 64)
	if err != nil {
		return c, false, fmt.Errorf("read stream record of %s: version: %w", image.Partition.S, err)
	}
	c, err = filing.DecodeCase(data, version)
	return c, err == nil, err
}
