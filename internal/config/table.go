package config

// The shape of the table that holds evidence and cases. infra creates it so,
// and the store reads and writes it so. All keys are strings.
const (
	// TablePartition and TableSort identify an item: the node that it is filed
	// under, and its place there.
	TablePartition = "pk"
	TableSort      = "sk"
	// TableExpiry holds the second after which an item may be dropped.
	TableExpiry = "expires"
	// TableCases is what the partition keys of cases begin with, and no others.
	TableCases = "case/"
	// TableCanaries is what the partition keys of canaries begin with.
	TableCanaries = "canary/"
)

// TableIndex is a sparse index: an item that lacks its partition key is not in
// it. It holds all of an item's attributes, or its keys only.
type TableIndex struct {
	Name, Partition, Sort string
	KeysOnly              bool
}

// TableIndexes returns the table's indexes: the items that are due, by time.
// What they are is read from the table, as it is then: a case is revised often,
// and larger than its keys.
func TableIndexes() []TableIndex {
	return []TableIndex{
		{Name: "by-due", Partition: "kind", Sort: "due", KeysOnly: true},
	}
}
