package dynamo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/trailverdict/trailverdict/internal/config"
)

// prices count requests and units by DynamoDB's published rules. DynamoDB
// Local's own figures leave out reads that find nothing, and are wrong for
// transactions.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-unit-calculations.html
type prices struct {
	writeRequests, readRequests int
	items                       int // written
	writeUnits, readUnits       float64
	largest                     int                // item's bytes
	partitions                  map[string]float64 // write units, by the partition's key
}

func (p *prices) per(n int) string {
	f := func(v float64) string { return fmt.Sprintf("%.3f", v/float64(n)) }
	return fmt.Sprintf("write requests %s, items %s, write units %s, read requests %s, read units %s; largest item %d bytes",
		f(float64(p.writeRequests)), f(float64(p.items)), f(p.writeUnits), f(float64(p.readRequests)), f(p.readUnits), p.largest)
}

type item map[string]struct {
	S *string
	N string
	B []byte
}

// size is an item's names' and values' bytes.
func (i item) size() (n int) {
	for name, v := range i {
		n += len(name) + len(v.B)
		if v.S != nil {
			n += len(*v.S)
		}
		if v.N != "" {
			n += len(v.N)/2 + 2
		}
	}
	return n
}

func kilobytes(n int) float64 { return math.Max(1, math.Ceil(float64(n)/1024)) }

// write counts an item in the table and in each index that it has a key of.
func (p *prices) write(i item, factor float64) {
	p.items++
	p.largest = max(p.largest, i.size())
	p.writeUnits += kilobytes(i.size()) * factor
	p.heat(i[config.TablePartition].S, "", kilobytes(i.size())*factor)
	for _, index := range config.TableIndexes() {
		v, in := i[index.Partition]
		units := 1.0 // its keys take less than a kilobyte
		if !index.KeysOnly {
			units = kilobytes(i.size())
		}
		if in {
			p.writeUnits += units
			p.heat(v.S, index.Name+" ", units)
		}
	}
}

// heat counts what a partition bears.
func (p *prices) heat(key *string, index string, units float64) {
	if p.partitions == nil {
		p.partitions = map[string]float64{}
	}
	if key != nil {
		p.partitions[index+*key] += units
	}
}

func (p *prices) read(items []item, consistent bool) {
	n := 0
	for _, i := range items {
		n += i.size()
	}
	units := math.Max(1, math.Ceil(float64(n)/4096))
	if !consistent {
		units /= 2
	}
	p.readUnits += units
}

type update struct {
	Key                       item
	UpdateExpression          string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues item
}

// item is what an update leaves.
func (u update) item() item {
	out := maps.Clone(u.Key)
	set, _, _ := strings.Cut(strings.TrimPrefix(u.UpdateExpression, "SET "), " REMOVE ")
	for _, assignment := range strings.Split(set, ", ") {
		name, value, _ := strings.Cut(assignment, " = ")
		out[u.ExpressionAttributeNames[name]] = u.ExpressionAttributeValues[value]
	}
	return out
}

// see counts a request and its answer.
func (p *prices) see(x exchange) {
	var in struct {
		Item item
		update
		RequestItems  map[string]json.RawMessage
		TransactItems []struct {
			Put    *struct{ Item item }
			Update *update
		}
		ConsistentRead bool
	}
	var out struct {
		Items     []item
		Responses map[string][]item
	}
	if json.Unmarshal(x.request, &in) != nil || json.Unmarshal(x.answer, &out) != nil {
		p.largest = math.MaxInt // shows in every figure's line
		return
	}
	switch x.operation {
	case "PutItem":
		p.write(in.Item, 1)
	case "UpdateItem":
		p.write(in.update.item(), 1)
	case "BatchWriteItem":
		for _, raw := range in.RequestItems {
			var requests []struct{ PutRequest struct{ Item item } }
			if json.Unmarshal(raw, &requests) != nil {
				p.largest = math.MaxInt
			}
			for _, r := range requests {
				p.write(r.PutRequest.Item, 1)
			}
		}
	case "TransactWriteItems":
		for _, a := range in.TransactItems {
			if a.Put != nil {
				p.write(a.Put.Item, 2)
			} else {
				p.write(a.Update.item(), 2)
			}
		}
	default:
		p.readRequests++
		p.read(out.Items, in.ConsistentRead)
		for _, items := range out.Responses {
			p.read(items, true)
		}
		return
	}
	p.writeRequests++
}
