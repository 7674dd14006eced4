package scrub

import (
	"bytes"
	"strings"
)

// ssnLength is the number of digits of a social security number.
const ssnLength = 9

// ssn returns where the social security number ends that a number behind some text begins with, or 0.
func (n *number) ssn(before []byte) (end int) {
	const last = ssnLength - 1
	if n.count < ssnLength || n.joints[last] == tight || !wasIssued(n.digits[:ssnLength]) {
		return 0
	}
	if n.isGrouped(before) || n.joints[last] == nothing && n.isWhole() && isNamed(before) {
		return n.ends[last]
	}
	return 0
}

// isGrouped reports whether the groups 3-2-4 are told apart. With dots they may be a part of a version or of a name in
// dotted numbers, which has more of them.
func (n *number) isGrouped(before []byte) bool {
	first, second := n.joints[2], n.joints[4]
	for i, between := range n.joints[:ssnLength-1] {
		if i != 2 && i != 4 && between > invisible {
			return false
		}
	}
	if first == dotted || second == dotted {
		return first == second && n.joints[ssnLength-1] != dotted && !isFraction(before)
	}
	return first != tight && first != odd && second != tight && second != odd
}

func (n *number) isWhole() bool {
	for _, between := range n.joints[:ssnLength-1] {
		if between > invisible {
			return false
		}
	}
	return true
}

// maxName bounds how far before a number its name ends.
const maxName = 8

// isNamed reports whether a text ends in the name of such a number, with what stands between a name and a value.
func isNamed(before []byte) bool {
	from := max(0, len(before)-maxName)
	name := before[:from+len(bytes.TrimRight(before[from:], " \t:=#\"'\\>"))]
	return isSSNName(string(name[max(0, len(name)-len("social security number")-1):]))
}

// isSSNName reports whether a text ends in a name of social security numbers, which is no end of another word.
func isSSNName(text string) bool {
	text = strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(text))
	for _, name := range []string{"ssn", "social security number", "socialsecuritynumber", "social security no", "social security"} {
		if in, ok := strings.CutSuffix(text, name); ok && (in == "" || !isWord(in[len(in)-1])) {
			return true
		}
	}
	return false
}

// wasIssued reports whether digits are a social security number that can have been given out: not area 000, 666 or 900 to
// 999, not group 00, not serial 0000 (Social Security Administration, POMS RM 10201.035).
func wasIssued(digits []byte) bool {
	area, group, serial := string(digits[:3]), string(digits[3:5]), string(digits[5:9])
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}
