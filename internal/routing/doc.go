// Package routing decides who hears of a finding, and when.
//
// It has no tree and no order. A suppression decides first, and keeps a finding
// from everybody. Otherwise every route that takes a finding hears of it, so that
// adding a route can never keep another one from hearing; a route marked otherwise
// takes what no other route takes. When a route hears is its own business: a route
// may wait for an incident to last, for its quiet hours to end, or be reminded.
//
// What it promises: the answer is a function of the rules, the finding, what was
// told and the time, and comes with its reasons in words. A finding that somebody
// takes is told to him, at the latest when his quiet hours end, as it is then.
//
// What it does not do: it publishes nothing and remembers nothing. Package notify
// does, and asks again when the time has come.
package routing
