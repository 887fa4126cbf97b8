package filing

import (
	"encoding/binary"
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

// EncodeEvidence encodes what was decoded at once, duplicates included.
func EncodeEvidence(signals []incident.Signal, uses []incident.Use) []byte {
	folds := make([]fold, len(signals))
	for i, s := range signals {
		folds[i] = fold{signal: s, members: []member{{s.ID, s.SharedID, s.Time}}}
	}
	w := newWriter()
	w.folds(&folds)
	return append(append(binary.AppendUvarint(nil, uint64(len(w.buf))), w.buf...), encodeUses(uses)...)
}

// DecodeEvidence reads what EncodeEvidence wrote.
func DecodeEvidence(data []byte) ([]incident.Signal, []incident.Use, error) {
	n, size := binary.Uvarint(data)
	if size <= 0 || n > uint64(len(data)-size) {
		return nil, nil, fmt.Errorf("decode evidence: %w", errData)
	}
	data = data[size:]
	signals, err := decodeSignals(data[:n])
	if err != nil {
		return nil, nil, err
	}
	uses, err := decodeUses(data[n:])
	return signals, uses, err
}
