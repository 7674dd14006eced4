// Package app turns a configuration and a list of parts into a running server: ReadConfig (config.go) decodes the file,
// Build (build.go) makes every part and reports every mistake, and Server.Run (run.go) opens the store, serves and drains.
package app
