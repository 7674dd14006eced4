// Package checks holds the rules of this repository that a compiler does not: who may import whom, what a part's
// folder holds, what is left out everywhere. Each rule is a test over the source, shown to catch a planted violation.
// It is never linked into the program.
package checks
