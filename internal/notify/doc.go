// Package notify is the use case that tells people and machines about findings:
// once, when there is something new to tell, and never about what only adds to
// what they know.
//
// It is fed with versions of cases as they were committed. Tell decides, as a
// pure function, whether a channel must hear of a version, and its reason has a
// name. The Notifier then publishes it, and keeps a Page for each case: what each
// channel was told, and which number the last message had.
//
// What it promises: a conclusion that stands is told on every channel, whatever
// is delivered twice, late or out of order, and whichever call fails. No channel
// hears the same revision twice, but for one gap that cannot be closed: the
// topics that people subscribe to keep no record of what was published, so when
// the program dies after a publication and before the mark that it happened, the
// same revision is published again. It is the same message then, with the same id
// and revision, which a receiver can drop.
//
// What it does not promise: that every version is told. Of versions that follow
// one another quickly the last one counts.
package notify
