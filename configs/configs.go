// Package configs holds the configurations that the program carries.
package configs

import _ "embed"

// Embedded is what serve runs on when there is no configuration file.
//
//go:embed embedded.yaml
var Embedded []byte

// Demo is what the demo runs on, with the addresses and files of the sandbox command's defaults.
//
//go:embed demo.yaml
var Demo []byte
