// Package frameworktest is what tests of parts need: the dependencies of a part held in memory, a clock that is set
// by hand, recorders that can be told to fail, the search for leaked secrets, and suites of what every plugin, enricher and
// action keeps.
//
// The memory types keep every promise of the interface they implement (write-once, compare-and-set, refused keys), so
// that a part which passes here does not meet stricter rules in the server. Their zero values are ready for use, all
// are safe for use by several goroutines, and exported fields are set before the first call.
package frameworktest
