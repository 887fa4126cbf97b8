package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Prices are AWS's list prices in one Region, as they were on a day.
type Prices struct {
	Date    string            `json:"date"`
	Region  string            `json:"region"`
	Grounds map[string]string `json:"grounds"` // how a price is known
	Prices  map[string]Price  `json:"prices"`
}

// Price is what so many of a unit cost.
type Price struct {
	Unit    string  `json:"unit"`
	Dollars float64 `json:"dollars"`
	Per     float64 `json:"per"`
	// Free is how many a month cost nothing, for all of an account's uses
	// together. Listed ones are the first step of the price list itself, others
	// AWS's free tier.
	Free   float64 `json:"free"`
	Listed bool    `json:"listed"`
	Page   string  `json:"page"`
	Ground string  `json:"ground"`
}

//go:embed prices.json
var prices []byte

// ListPrices are the prices that the command is built with.
func ListPrices() (Prices, error) {
	var p Prices
	if err := json.Unmarshal(prices, &p); err != nil {
		return Prices{}, fmt.Errorf("read prices: %w", err)
	}
	return p, nil
}

// FreeTier says which free amounts count.
type FreeTier string

const (
	Listed FreeTier = "listed" // those of the price lists
	None   FreeTier = "none"   // other uses of the account have taken them all
	All    FreeTier = "all"    // the free tier's, too
)

// free is how much of a price costs nothing.
func (t FreeTier) free(p Price) float64 {
	if t == All || t == Listed && p.Listed {
		return p.Free
	}
	return 0
}
