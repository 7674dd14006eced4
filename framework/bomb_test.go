package framework

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// target is what bombs are thrown at: each member costs more to check than to read, unless care is taken.
type target struct {
	Number float64        `json:"number,omitempty" multipleOf:"0.1" minimum:"0"`
	Whole  int            `json:"whole,omitempty"`
	Step   float64        `json:"step,omitempty" enum:"0.5,1"`
	Steps  []float64      `json:"steps,omitempty" multipleOf:"0.001"`
	Text   string         `json:"text,omitempty" minLength:"1" pattern:"^(a+)+$"`
	Level  string         `json:"level,omitempty" enum:"low,high"`
	Unique []JSON         `json:"unique,omitempty" uniqueItems:"true"`
	Named  map[string]int `json:"named,omitempty"`
	Free   JSON           `json:"free,omitzero"`
	Nested []target       `json:"nested,omitempty" uniqueItems:"true"`
	Next   *target        `json:"next,omitempty"`
}

func TestABombCostsNoMoreMemoryThanItsSizeAllows(t *testing.T) {
	_, n, err := newSchemas().ofType(reflect.TypeFor[target](), "target")
	if err != nil {
		t.Fatal(err)
	}
	many := func(count int, format string) string {
		var text strings.Builder
		for i := range count {
			if i > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	deep := strings.Repeat(`{"next":`, 400_000)
	for _, c := range []struct {
		name, document string
		wrong          error // the document as a whole
		violations     int
	}{
		{"a number of ten million digits", `{"number":1` + strings.Repeat("0", 10_000_000) + `}`, nil, 1},
		{"a fraction of a million digits", `{"number":0.1` + strings.Repeat("0", 1_000_000) + `}`, nil, 0},
		{"an integer of a million digits", `{"whole":` + strings.Repeat("9", 1_000_000) + `}`, nil, 1},
		{"an exponent of a million digits", `{"number":1e` + strings.Repeat("9", 1_000_000) + `}`, nil, 1},
		{"a choice of a million digits", `{"step":1` + strings.Repeat("0", 1_000_000) + `}`, nil, 1},
		{"free digits", `{"free":1` + strings.Repeat("0", 1_000_000) + `}`, nil, 0},
		{"a million escapes", `{"text":"` + strings.Repeat(`\n`, 1_000_000) + `"}`, nil, 1},
		{"surrogates", `{"level":"` + strings.Repeat(`\ud83d\ude00`, 200_000) + `"}`, nil, 1},
		{"a name of a million escapes", `{"` + strings.Repeat(`\n`, 1_000_000) + `":1}`, nil, 1},
		{"what a backtracking pattern would not survive", `{"text":"` + strings.Repeat("a", 100_000) + `b"}`, nil, 1},
		{"a hundred thousand members", `{"named":{` + many(100_000, `"n%d":0`) + `}}`, nil, 0},
		{"a hundred thousand members of the wrong kind", `{"named":{` + many(100_000, `"n%d":""`) + `}}`, nil, maxViolations},
		{"a hundred thousand members that nobody knows", "{" + many(100_000, `"n%d":0`) + "}", nil, maxViolations},
		{"a hundred thousand members in what is free", `{"free":{` + many(100_000, `"n%d":0`) + `}}`, nil, 0},
		{"a hundred thousand members with escapes", `{"free":{` + many(100_000, `"\n%d":0`) + `}}`, nil, 0},
		{"a hundred thousand members, the last repeated", `{"free":{` + many(100_000, `"n%d":0`) + `,"n99999":0}}`, errScan, 0},
		{"a hundred thousand items that differ", `{"unique":[` + many(100_000, `%d`) + `]}`, nil, 0},
		{"a hundred thousand objects that differ", `{"unique":[` + many(100_000, `{"b":"","a":%d}`) + `]}`, nil, 0},
		{"a hundred thousand items that do not", `{"unique":[` + strings.Repeat("1,", 100_000) + `1]}`, nil, maxViolations},
		{"numbers of three hundred digits, written short", `{"steps":[` + strings.Repeat("1e308,", 100_000) + `0]}`, nil, 0},
		{"numbers that are no multiples", `{"steps":[` + strings.Repeat("1.7e-300,", 100_000) + `0]}`, nil, maxViolations},
		{"a long text in lists of unique items", strings.Repeat(`{"nested":[`, 49) + `{"text":"` + strings.Repeat("a", 1<<20) + `"}` + strings.Repeat("]}", 49), nil, 0},
		{"a long list in lists of unique items", strings.Repeat(`{"nested":[`, 48) + `{"unique":[` + many(100_000, `{"\n":%d}`) + `]}` + strings.Repeat("]}", 48), nil, 0},
		{"empty lists", `{"free":[` + strings.Repeat("[],", 200_000) + `[]]}`, nil, 0},
		{"lists in lists, for ever", strings.Repeat("[", 4_000_000), errTooDeep, 0},
		{"objects in objects, as the schema has them", deep + "{}" + strings.Repeat("}", 400_000), errTooDeep, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			document := []byte(c.document)
			var into target
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			violations, _, err := n.fill(document, Reject, formOf(reflect.TypeFor[target]()), reflect.ValueOf(&into).Elem())
			runtime.ReadMemStats(&after)
			if (err == nil) != (c.wrong == nil) || errors.Is(c.wrong, errTooDeep) && !errors.Is(err, errTooDeep) || len(violations) != c.violations {
				t.Errorf("%v, %d violations", err, len(violations))
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 80*uint64(len(document))+1<<20 {
				t.Errorf("%d bytes were allocated for a document of %d", used, len(document))
			} else {
				t.Logf("%.1f bytes were allocated for one of the document", float64(used)/float64(len(document)))
			}
		})
	}
}

// TestNoTextOfManyIsFarFromItsPlace holds what the time depends on, and not the time: how many places are looked at.
func TestNoTextOfManyIsFarFromItsPlace(t *testing.T) {
	for _, form := range []string{"%d", "%08d", "\x00%d\x00", strings.Repeat("a", 50) + "%d"} {
		var d distinct
		for i := range 100_000 {
			if !d.add(fmt.Appendf(nil, form, i)) {
				t.Fatalf("%d is not new", i)
			}
		}
		occupied, longest := 0, 0
		for _, taken := range append(d.table, d.table...) { // the table is a ring
			if occupied++; taken == 0 {
				occupied = 0
			}
			longest = max(longest, occupied)
		}
		if longest > 200 || len(d.table) < 2*len(d.texts) || len(d.table) > 16*len(d.texts) {
			t.Errorf("%s: %d places for %d texts, up to %d in a row are taken", form, len(d.table), len(d.texts), longest)
		}
		if d.add(fmt.Appendf(nil, form, 99_999)) {
			t.Errorf("%s: the last is taken for new", form)
		}
	}
}

// TestUniqueItemsCostNothingEach pins that items in canonical form are neither copied nor given memory of their own.
func TestUniqueItemsCostNothingEach(t *testing.T) {
	n := &node{kinds: isArray, array: &arrayRules{items: &node{kinds: isAny}, minItems: -1, maxItems: -1, unique: true}}
	allocations := func(items int) float64 {
		var list []string
		for i := range items {
			list = append(list, fmt.Sprintf(`"item %d"`, i))
		}
		document := []byte("[" + strings.Join(list, ",") + "]")
		return testing.AllocsPerRun(100, func() {
			if violations, _, err := n.check(document, Reject); err != nil || len(violations) > 0 {
				t.Fatal(violations, err)
			}
		})
	}
	if two, many := allocations(2), allocations(few); many > two+3 { // the race detector empties pools
		t.Errorf("%.0f allocations for two items, %.0f for %d", two, many, few)
	}
}
