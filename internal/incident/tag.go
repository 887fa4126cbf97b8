package incident

// Tag is a tag of a role or user, or of one of its sessions.
type Tag struct {
	Key, Value string
}

// Tagging is which tags were put on a role or user, and the keys of those that
// were taken off. Of an issuance it is the session's own tags.
type Tagging struct {
	Put   []Tag
	Taken []string
}

// TagMatch is what a tag has to be: one of the values, with wildcards.
type TagMatch struct {
	Key    string
	Values []string
}
