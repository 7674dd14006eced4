package archive

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

// parseTime reads a time in ISO 8601. Without a zone it is UTC; without a time it is the day's, or month's, first instant.
func parseTime(text string) (time.Time, bool) {
	found := timePattern.FindStringSubmatch(text)
	if found == nil {
		return time.Time{}, false
	}
	year, month, day := number(found[1]), first(found[2]+found[4]), first(found[3]+found[5])
	hour, minute, second := number(found[6]), number(found[7]), number(found[8])
	zoneHour, zoneMinute := number(found[12]), number(found[13])
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

// number reads digits that the pattern has checked; none is 0.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// first reads a month or day; none is the first.
func first(digits string) int {
	if digits == "" {
		return 1
	}
	return number(digits)
}

func nanoseconds(fraction string) int {
	return number((fraction + strings.Repeat("0", 9))[:9])
}
