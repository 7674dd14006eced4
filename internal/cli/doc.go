// Package cli holds the commands of the program. Every command writes what it was asked for to standard output and
// everything else to standard error; it exits with 0 when it did what it was asked, 1 when it could not, and 2 when it was
// called wrongly or the configuration has mistakes.
package cli
