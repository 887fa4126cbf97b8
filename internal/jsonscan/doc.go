// Package jsonscan reads JSON lazily: it checks a whole value in one pass over
// its bytes and afterwards hands out spans of those bytes, so that looking at
// three fields of a record costs three look-ups and not a tree of maps.
//
// What it promises:
//
//   - Parse and Next accept exactly the JSON that encoding/json accepts, up to
//     MaxDepth levels of nesting. Strings may hold invalid UTF-8, which reads
//     as U+FFFD.
//   - Member names are compared exactly, letter case included, and the last of
//     two equal names counts.
//   - Accessors never fail: what is absent or of another type is the zero
//     Value, false or "". Reading a record whose fields have the wrong types
//     needs no error handling and cannot panic.
//   - Neither scanning nor looking up allocates; only text that is taken out
//     of the buffer is copied.
//
// What it does not promise: a Value shares the bytes it was read from, so it
// is good only as long as these stay as they are.
package jsonscan
