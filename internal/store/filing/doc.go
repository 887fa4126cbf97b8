// Package filing is how signals, uses and cases lie in a database: a sorted
// table of items, each found under several names. A database that can do the
// few things that Table asks for becomes a store.
//
// # Evidence
//
// The signals of one commit that are filed under a node, and of the same hour,
// fold into one item, and a signal of several nodes is in the item of each. So a
// hundred failures of a key are one write for the key and one for its owner, no
// node is written more than once for a commit, and a node is read from one
// place. Folding loses nothing: every signal keeps its id, and reading gives
// back the very values. Items are written and never changed. Their sort keys end
// in a hash of their contents, so a batch that is delivered again overwrites
// itself, and events that come again in other batches are told apart on reading.
// Uses fold in the same way. They are joined on reading, for good where there
// are many.
//
//	evidence of a node   s/<hour>/<kinds>/<minute of the first>/<hash>
//	uses of a node       u/<level>/<hash>
//	cases of a subject   node case/<subject>, sorted by their ids
//	a commit to recheck  node r/<hash>, where no single item holds its evidence
//
// # Reading
//
// What is read is handed to a store.Memory of that one node, which gives order,
// limits and retention: there is one place that decides what a flood leaves. A
// flood is not read to its end. Items of one hour are sorted by the kinds in
// them and by their first signal's time, so reading of such a group ends where
// the limit is certain to be reached.
//
// # What it does not promise
//
// Put counts duplicates exactly, for which it reads; a conflict with a version
// of another hour is not counted. Commit, the way of the live path, reads
// nothing. A commit of more actions than the database's transactions hold keeps
// its evidence before its cases, see Table.
package filing
