// Package demo runs the whole loop against the sandbox and tells it step by step. Each step is believed only when it was read
// back from the other side: the ticket from the sandbox's Jira, the object from the archive.
//
// Run (demo.go) sets the stage (stage.go: sandbox, server, a directory that is thrown away), and plays the story (story.go)
// through a narrator (narrator.go).
package demo
