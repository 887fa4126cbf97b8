// Package lineage knows which call issued a credential, to whom, until when,
// and from which parent, as far as the signals at hand tell.
//
// "Unknown" is a normal answer: the window opened too late, the call was made
// in another Region or account, or the event was dropped. Every lookup
// therefore says whether it knows, and nothing here guesses.
//
// The package also reads what ids and addresses say by themselves: the account
// in a key id, the network of an address, the client behind a user agent.
//
// Everything is pure and independent of the order in which signals arrived.
package lineage
