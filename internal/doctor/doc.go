// Package doctor says what keeps the detector from working in an account, and
// how to put it right: before it is deployed, and after.
//
// Examine takes facts, which somebody has read from the account, and runs every
// check of the catalogue over them. A check says what it saw, why that matters
// and what mends it, as commands where there are any; or that all is well; or
// which permission it lacks to tell. A fact that could not be read costs the
// checks that need it and no others, and is never taken for good news.
//
// What it promises:
//
//   - The same facts give the same examination: the package is pure.
//   - The checks are data. The documentation, and the policy that reading the
//     facts takes, are made from them.
//   - Nothing that is printed is secret. The facts have no room for more than
//     names, states and policies.
//
// What it does not: it evaluates no conditions of policies, sends no event
// through the detector, and cannot see the bus of another account.
package doctor
