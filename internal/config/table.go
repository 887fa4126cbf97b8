package config

// The shape of the table that holds evidence and cases. infra creates it so,
// and the store reads and writes it so. All keys are strings.
const (
	// TablePartition and TableSort identify an item: the first node that it is
	// filed under, and its place there.
	TablePartition = "pk"
	TableSort      = "sk"
	// TableExpiry holds the second after which an item may be dropped.
	TableExpiry = "expires"
	// TableCases is what the partition keys of cases begin with, and no others.
	TableCases = "case/"
)

// TableIndex is a sparse index: an item that lacks its partition key is not in
// it. It holds all of an item's attributes.
type TableIndex struct{ Name, Partition, Sort string }

// TableIndexes returns the table's indexes: the further nodes that an item is
// filed under, so that one event costs one write whatever the number of its
// nodes, and the items that are due by time.
func TableIndexes() []TableIndex {
	return []TableIndex{
		{"g1", "g1", TableSort},
		{"g2", "g2", TableSort},
		{"g3", "g3", TableSort},
		{"due", "kind", "due"},
	}
}
