package framework

import (
	"bytes"

	"github.com/danielgtaylor/huma/v2"
)

// What a date-time has to be beside what JSON Schema says of it (RFC 3339 section 5.6), so that Go's time.Time holds it and writes
// it again in UTC: its letters large, no leap second, and not a day that another offset than its own puts before the year 0 or
// behind the year 9999.
const (
	dateTimeForm = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`
	dateTimeEnds = `^0000-01-01T.*[+]|^9999-12-31T.*-`
)

// publishDateTime adds to the schema of a date-time what is checked beside the format: whoever reads the document then sends no
// time that is refused. A pattern of the field's own stays.
func publishDateTime(schema *huma.Schema) {
	if schema.Format != "date-time" || schema.Not != nil {
		return
	}
	schema.Not = &huma.Schema{Pattern: dateTimeEnds}
	if schema.Pattern == "" {
		schema.Pattern = dateTimeForm
		return
	}
	schema.AllOf = []*huma.Schema{{Pattern: dateTimeForm}}
}

// isDateTime holds RFC 3339 section 5.6 as far as Go's time.Time does: what is published by publishDateTime.
func isDateTime(s []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) || !hasForm(s[:len(form)], form) || !isDate(s[:10]) {
		return false
	}
	sign, ok := zone(afterFraction(s[len(form):]))
	if !ok || number(s[11:13]) > 23 || number(s[14:16]) > 59 || number(s[17:19]) > 59 {
		return false
	}
	first, last := string(s[:10]) == "0000-01-01", string(s[:10]) == "9999-12-31"
	return (!first || sign != '+') && (!last || sign != '-')
}

// hasForm compares with a text in which 0 stands for any digit.
func hasForm(s []byte, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if digit := form[i] == '0'; digit && !isDigit(s[i]) || !digit && s[i] != form[i] {
			return false
		}
	}
	return true
}

// afterFraction cuts off the fraction of a second: a dot with digits.
func afterFraction(s []byte) []byte {
	if s[0] != '.' || len(s) < 2 || s[1] < '0' || s[1] > '9' {
		return s
	}
	return bytes.TrimLeft(s[1:], "0123456789")
}

// zone reads the offset from UTC, and returns its sign or Z.
func zone(s []byte) (sign byte, ok bool) {
	if string(s) == "Z" {
		return 'Z', true
	}
	if !hasForm(s, "+00:00") && !hasForm(s, "-00:00") {
		return 0, false
	}
	return s[0], number(s[1:3]) <= 23 && number(s[4:6]) <= 59
}

func number(twoDigits []byte) int { return int(twoDigits[0]-'0')*10 + int(twoDigits[1]-'0') }
