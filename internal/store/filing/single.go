package filing

import (
	"fmt"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store"
)

// What follows encodes one item by itself, for who keeps items in another way
// than in a table. Equal items give equal bytes, and unequal ones others.

// EncodeSignal encodes a signal.
func EncodeSignal(s incident.Signal) []byte {
	w := newWriter()
	w.folds(&[]fold{{signal: s, members: []member{{s.ID, s.SharedID, s.Time}}}})
	return w.buf
}

// DecodeSignal reads what EncodeSignal wrote.
func DecodeSignal(data []byte) (incident.Signal, error) {
	list, err := decodeSignals(data)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("decode signal: %w", errData)
	}
	if err != nil {
		return incident.Signal{}, err
	}
	return list[0], nil
}

// EncodeUse encodes a use.
func EncodeUse(u incident.Use) []byte {
	w := newWriter()
	w.uses(&[]incident.Use{u})
	return w.buf
}

// DecodeUse reads what EncodeUse wrote.
func DecodeUse(data []byte) (incident.Use, error) {
	list, err := decodeUses(data)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("decode use: %w", errData)
	}
	if err != nil {
		return incident.Use{}, err
	}
	return list[0], nil
}

// EncodeCase encodes a case without its version.
func EncodeCase(c store.Case) []byte { return encodeCase(c) }
