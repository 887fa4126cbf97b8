// Package replay feeds recordings to the detector: files, folders and streams
// of what AWS and its clients sent.
//
// What is read does not depend on the names of the files, on their order, or on
// how the recording was cut into them. Files are decoded side by side and in
// bounded memory; what is kept of them is bounded by the store's limits.
//
// Damaged content is skipped, counted and located in the Summary, and the rest
// is read. A Summary also says what the recording cannot show, since silence
// proves nothing where nobody listened.
package replay
