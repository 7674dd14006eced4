package framework

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// tag is one key of a field's tag.
type tag struct{ key, value string }

// tagKey is a key as people write them; reflect takes nearly everything.
var tagKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// parseTag reads the tag of a field. That of the package reflect passes over what it cannot read: a rule in it would be no rule.
func parseTag(text reflect.StructTag) (tags []tag, err error) {
	rest := strings.TrimLeft(string(text), " ")
	for rest != "" {
		key, after, found := strings.Cut(rest, ":")
		quoted, wrong := strconv.QuotedPrefix(after)
		if !found || !tagKey.MatchString(key) || wrong != nil || quoted[0] != '"' {
			return nil, fmt.Errorf("the tag cannot be read from %s on: it is written key:\"value\" key:\"value\"", rest)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("the tag %s: %w", key, err)
		}
		if slices.ContainsFunc(tags, func(t tag) bool { return t.key == key }) {
			return nil, fmt.Errorf("the tag %s is given twice", key)
		}
		tags = append(tags, tag{key, value})
		rest = after[len(quoted):]
		if spaces := len(rest) - len(strings.TrimLeft(rest, " ")); spaces > 0 {
			rest = rest[spaces:]
		} else if rest != "" {
			return nil, fmt.Errorf("there is no space between the tag %s and %s", key, rest)
		}
	}
	return tags, nil
}

// The keys that the funnel reads, by what they need of their values.
func countKeys() []string {
	return []string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
}

func numberKeys() []string {
	return []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"}
}

func boolKeys() []string { return []string{"uniqueItems", "required", "nullable", "deprecated"} }

func textKeys() []string {
	return []string{"pattern", "patternDescription", "format", "enum", "const", "default", "example", "doc"}
}

func placeKeys() []string { return []string{"path", "query", "header"} }

// isRead reports whether a key means something to the funnel. Fields of inputs and members of bodies have most of them in common.
func isRead(key string) bool {
	return slices.Contains(slices.Concat(countKeys(), numberKeys(), boolKeys(), textKeys(), placeKeys(), []string{"choice", "discriminator"}), key)
}

// isForeign reports whether a key is known to be about something else than calls: how a type is stored or written elsewhere.
func isForeign(key string) bool {
	return slices.Contains([]string{
		"json", "yaml", "xml", "toml", "ini", "csv", "hcl", "env", "mapstructure", "msgpack", "cbor", "asn1", "avro", "parquet", "protobuf", "graphql", "url",
		"db", "sql", "gorm", "bun", "pg", "orm", "ent", "bson", "redis", "dynamodbav", "firestore", "datastore", "spanner", "bigquery", "ch", "faker", "fake",
	}, key)
}

// checkKey refuses every key that is neither read here nor well known to be about something else. To refuse only what looks
// like a misspelling would let pass those that are spelt in another way altogether: minLen, length, regexp, validate:"required".
// Each is a rule that somebody believes to hold; that is worse than to have to write a type for the call, without foreign tags.
func checkKey(key string) error {
	if isRead(key) || isForeign(key) {
		return nil
	}
	for sentence, keys := range map[string][]string{
		"each rule has a tag of its own here, such as minLength, pattern or enum":                        {"validate", "binding", "valid", "validator", "rules", "jsonschema", "openapi", "swagger"},
		"a parameter has the tag path, query or header":                                                  {"form", "uri", "param", "params", "cookie", "schema", "in"},
		"what a field is for is told in doc":                                                             {"description", "desc", "title", "comment", "help", "summary", "docs"},
		"say it in doc: it would be published and not held, so that calls need a type without the field": {"readOnly", "writeOnly"},
		"what is taken is published: a field that nobody should know of has no place in the type":        {"hidden"},
		"it is not enforced: check it in the handler, and say it in doc":                                 {"dependentRequired"},
		"times are RFC 3339: take time.Time, or a string with a format or a pattern":                     {"timeFormat"},
		"base64 is the form of []byte":                                                                   {"encoding"},
		"take framework.Open for an object with further members: it keeps them":                          {"additionalProperties"},
		"the least and the greatest value are minimum and maximum; of a text, minLength and maxLength":   {"min", "max", "gt", "gte", "lt", "lte", "len", "length", "size"},
		"a regular expression is a pattern":                                                              {"regex", "regexp", "match"},
		"the values that are allowed are an enum, separated by commas":                                   {"oneof", "oneOf", "values", "options"},
		`a member that may be left out has omitempty or omitzero in its tag json, or required:"false"`:   {"optional", "omitempty", "omitzero"},
	} {
		if slices.Contains(keys, key) {
			return fmt.Errorf("the tag %s is not read: %s", key, sentence)
		}
	}
	if near := nearest(key); near != "" {
		return fmt.Errorf("the tag %s is not known: did you mean %s?", key, near)
	}
	return fmt.Errorf("the tag %s is not known: a rule in it would not hold. Remove it, or have a type for the call alone", key)
}

// nearest returns the key that is read and that another one is a misspelling of, or "".
func nearest(key string) string {
	fold := func(s string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s)) }
	best, distance := "", 3
	for _, known := range slices.Concat(countKeys(), numberKeys(), boolKeys(), textKeys(), placeKeys(), []string{"choice", "discriminator", "json"}) {
		d := editDistance(fold(key), fold(known))
		if d < distance && d < len(known)/2 {
			best, distance = known, d
		}
	}
	return best
}

// editDistance is that of Levenshtein, where two neighbours in the wrong order count as one edit.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// checkValue refuses a value that its key cannot have, whatever the type of the field.
func checkValue(t tag) error {
	switch {
	case t.value == "" && t.key != "doc" && t.key != "example" && isRead(t.key):
		return fmt.Errorf("the tag %s is empty: remove it", t.key)
	case slices.Contains(countKeys(), t.key):
		if n, err := strconv.Atoi(t.value); err != nil || n < 0 {
			return fmt.Errorf("%s %q is not a whole number from 0 on", t.key, t.value)
		}
	case slices.Contains(numberKeys(), t.key):
		return checkBound(t)
	case slices.Contains(boolKeys(), t.key):
		if t.value != "true" && t.value != "false" {
			return fmt.Errorf("%s %q is neither true nor false", t.key, t.value)
		}
	case t.key == "format":
		if _, known := stringFormat(t.value); !known {
			return fmt.Errorf("the format %q is not known; there are date-time, date, duration, email, hostname, ipv4, ipv6, ip, uri and uuid", t.value)
		}
	case t.key == "pattern":
		_, err := compilePattern(t.value)
		return err
	}
	return nil
}

// checkBound refuses a number that the published schema cannot hold exactly: the bound would be another one than is written.
func checkBound(t tag) error {
	number, ok := approximate([]byte(t.value))
	exact, readable := parseDecimal([]byte(t.value))
	if !jsontext.Value(t.value).IsValid() || !ok || !readable {
		return fmt.Errorf("%s %q is not a number", t.key, t.value)
	}
	if decimalOf(number).compare(exact) != 0 {
		return fmt.Errorf("%s %s cannot be held exactly in 64 bits; the nearest is %s", t.key, t.value, strconv.FormatFloat(number, 'f', -1, 64))
	}
	if t.key == "multipleOf" && number <= 0 {
		return fmt.Errorf("multipleOf %s is not above 0", t.value)
	}
	return nil
}
