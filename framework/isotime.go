package framework

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timePattern is what of ISO 8601 is understood: a date, with or without hyphens, or a month, and a time with or without
// colons. The last group is the zone; a space in its place is a + that was not encoded in a query.
var timePattern = regexp.MustCompile(`^(\d{4})(?:-(\d\d)(?:-(\d\d))?|(\d\d)(\d\d))` +
	`(?:[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?(?:([Zz])|([ +-])(\d\d):?(\d\d)?)?)?$`)

// ParseTime reads a time in ISO 8601, as callers of the archive write it in a query and on the command line. Without a zone it is UTC; without a time it is the day's, or month's, first instant.
func ParseTime(text string) (time.Time, bool) {
	found := timePattern.FindStringSubmatch(text)
	if found == nil {
		return time.Time{}, false
	}
	year, month, day := digits(found[1]), first(found[2]+found[4]), first(found[3]+found[5])
	hour, minute, second := digits(found[6]), digits(found[7]), digits(found[8])
	zoneHour, zoneMinute := digits(found[12]), digits(found[13])
	if found[6] != "" && found[3]+found[5] == "" { // a time of no day
		return time.Time{}, false
	}
	if hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59 {
		return time.Time{}, false
	}
	offset := time.Duration(zoneHour)*time.Hour + time.Duration(zoneMinute)*time.Minute
	if found[11] == "-" {
		offset = -offset
	}
	local := time.Date(year, time.Month(month), day, hour, minute, second, nanoseconds(found[9]), time.UTC)
	if local.Month() != time.Month(month) || local.Day() != day { // 31 April becomes 1 May
		return time.Time{}, false
	}
	return local.Add(-offset), true
}

// digits reads digits that the pattern has checked; none is 0.
func digits(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// first reads a month or day; none is the first.
func first(text string) int {
	if text == "" {
		return 1
	}
	return digits(text)
}

func nanoseconds(fraction string) int {
	return digits((fraction + strings.Repeat("0", 9))[:9])
}
