package sambatest

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode/utf16"
)

//go:embed load.py
var loader string

//go:embed lab.ldif
var story string

// lab fills in the passwords and the times of lab.ldif.
func lab(now time.Time) (string, error) {
	parsed, err := template.New("lab.ldif").Funcs(template.FuncMap{
		"user":    func() string { return unicodePwd(UserPassword) },
		"service": func() string { return unicodePwd(bindPassword) },
		"days":    func(days int) int64 { return fileTime(now.AddDate(0, 0, days)) },
	}).Parse(story)
	if err != nil {
		return "", fmt.Errorf("read lab.ldif: %w", err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, nil); err != nil {
		return "", fmt.Errorf("fill in lab.ldif: %w", err)
	}
	return text.String(), nil
}

// unicodePwd is the value of the attribute that sets a password: in quotes, in UTF-16LE ([MS-ADTS] 3.1.1.3.1.5).
func unicodePwd(password string) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// fileTime is the number of 100 ns since 1601-01-01 UTC ([MS-DTYP] 2.3.3).
func fileTime(at time.Time) int64 { return (at.Unix() + 11_644_473_600) * 10_000_000 }
