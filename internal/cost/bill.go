// Package cost computes what a deployment costs a month, line by line: it reads
// the templates that CloudFormation gets, and prices what is in them.
//
// Prices are data with a date, and so is what the detector takes of AWS for an
// event. Every type of resource is either priced or known to be free; another is
// an error, so that no bill leaves something out silently. What a bill does not
// know are the account's discounts, taxes, transfer out of AWS, and failures: a
// month in which things fail costs more.
package cost

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Line is one thing to be paid for.
type Line struct {
	Stack    string  `json:"stack"`
	Resource string  `json:"resource"`
	Type     string  `json:"type"`
	Driver   string  `json:"driver"` // what there is more of if there is more to pay
	Quantity float64 `json:"quantity"`
	Free     float64 `json:"free"` // of the quantity
	Unit     string  `json:"unit"`
	Dollars  float64 `json:"unitPrice"` // for Per units
	Per      float64 `json:"per"`
	Monthly  float64 `json:"monthly"`
	Price    string  `json:"price"` // its name among the prices
}

// Bill is what a month costs.
type Bill struct {
	Schema  string  `json:"schema"`
	Region  string  `json:"region"`
	Date    string  `json:"pricesOf"`
	Usage   Usage   `json:"usage"`
	Batch   float64 `json:"batch"`
	Lines   []Line  `json:"lines"`
	Monthly float64 `json:"monthly"`
	Idle    float64 `json:"idle"` // the same if nothing happens
	// Used is what is to be paid if other uses of the account take up the free
	// first steps of the price lists.
	Used float64 `json:"withoutFreeSteps"`
	// Free are the types that cost nothing by themselves, and how many there are.
	Free map[string]int `json:"free"`
}

// Schema is the bill's, as JSON.
const Schema = "trailverdict.cost/v1"

// Compute makes the bill of a deployment's stacks.
func Compute(stacks []Stack, u Usage, p Prices) (Bill, error) {
	if err := u.check(); err != nil {
		return Bill{}, err
	}
	stacks = slices.SortedFunc(slices.Values(stacks), func(a, b Stack) int { return strings.Compare(a.Name, b.Name) })
	b, err := compute(stacks, u, p)
	if err != nil {
		return Bill{}, err
	}
	idle, err := compute(stacks, u.Idle(), p)
	if err != nil {
		return Bill{}, err
	}
	shared := u
	if shared.Free == Listed {
		shared.Free = None
	}
	used, err := compute(stacks, shared, p)
	if err != nil {
		return Bill{}, err
	}
	b.Idle, b.Used = idle.Monthly, used.Monthly
	return b, nil
}

// biller makes a bill.
type biller struct {
	Bill
	prices   Prices
	left     map[string]float64 // of what is free, by price
	stacks   []Stack
	flow     flow
	starts   map[string]float64 // of functions, by stack and id
	problems []error
}

func compute(stacks []Stack, u Usage, p Prices) (Bill, error) {
	b := &biller{
		Bill:   Bill{Schema: Schema, Region: p.Region, Date: p.Date, Usage: u, Lines: []Line{}, Free: map[string]int{}},
		prices: p, left: map[string]float64{}, stacks: stacks, starts: map[string]float64{},
	}
	for name, price := range p.Prices {
		b.left[name] = u.Free.free(price)
	}
	b.flow = u.flow(b.gathering())
	b.Batch = b.flow.batch
	for _, s := range stacks {
		b.count(s)
	}
	for _, s := range stacks {
		for _, id := range s.ids("") {
			b.resource(s, id)
		}
	}
	return b.Bill, errors.Join(b.problems...)
}

// resource bills one resource.
func (b *biller) resource(s Stack, id string) {
	r := s.resources[id]
	if slices.Contains(freeTypes(), r.Type) {
		b.Free[r.Type]++
		return
	}
	bill := billed()[r.Type]
	if bill == nil {
		b.problem(s, id, "nobody knows what %s costs", r.Type)
		return
	}
	bill(b, s, id)
}

func (b *biller) problem(s Stack, id, format string, args ...any) {
	b.problems = append(b.problems, fmt.Errorf("%s: %s: %s", s.Name, id, fmt.Sprintf(format, args...)))
}

// line adds a line. What costs nothing because there is none of it is left out.
func (b *biller) line(s Stack, id, price, driver string, quantity float64) {
	p, known := b.prices.Prices[price]
	switch {
	case !known:
		b.problem(s, id, "the prices lack %s", price)
		return
	case quantity == 0:
		return
	}
	free := min(quantity, b.left[price])
	b.left[price] -= free
	monthly := (quantity - free) * p.Dollars / p.Per
	b.Lines = append(b.Lines, Line{
		Stack: s.Name, Resource: title(id), Type: s.resources[id].Type, Driver: driver, Quantity: quantity, Free: free,
		Unit: p.Unit, Dollars: p.Dollars, Per: p.Per, Monthly: monthly, Price: price,
	})
	b.Monthly += monthly
}
