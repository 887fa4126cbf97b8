package filing

import (
	"context"
	"fmt"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Somebody who works all day leaves an item of uses with every commit, all about
// the same few uses. Whoever reads many of them joins them to one, so that
// reading a node costs what it tells.
//
// A reader that is on its way meanwhile must not miss what moves. Joined uses
// therefore lie behind those that they were joined from, on the next level, and
// are there before those go: who finds an item gone has yet to come to the place
// where it went.

const (
	// untidy is how many items of uses are left alone.
	untidy = 64
	// atOnce bounds how many of them are joined while somebody waits.
	atOnce = 500
)

// useItem is an item of uses as it was read.
type useItem struct {
	sort string
	uses []incident.Use
}

// tidy joins items of uses of a node, if there are many for what they hold.
func (s *Store) tidy(ctx context.Context, node string, read []useItem) error {
	if len(read) <= untidy {
		return nil
	}
	read = read[:min(len(read), atOnce)]
	var uses []incident.Use
	var old []Item
	level := 0
	for _, item := range read {
		var of int
		if n, _ := fmt.Sscanf(item.sort, useLevel, &of); n == 1 {
			level = max(level, of+1)
		}
		uses = append(uses, item.uses...)
		old = append(old, Item{Node: nodeName(node), Sort: item.sort})
	}
	joined := s.useItems(nodeName(node), level, join(uses))
	if len(joined) > len(old)/4 {
		return nil // they are many uses, not many times the same
	}
	return s.table.Replace(ctx, old, joined)
}
