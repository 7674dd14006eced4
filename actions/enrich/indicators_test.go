package enrich

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// gathered is what is asked about, and what is said of the rest, for data that stands in the event.
func gathered(t *testing.T, config Config, data string) (values, notes []string) {
	t.Helper()
	value, err := framework.DecodeData(framework.JSON(data))
	if err != nil {
		t.Fatal(err)
	}
	indicators, notes, err := config.gather(t.Context(), []framework.Kind{framework.MD5, framework.User}, nil, value)
	if err != nil {
		t.Fatal(err)
	}
	for _, indicator := range indicators {
		values = append(values, indicator.Value)
	}
	return values, notes
}

// list is a JSON list of texts made by a format from the numbers below n, and further texts.
func list(format string, n int, further ...string) string {
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprintf(`"`+format+`"`, i))
	}
	for _, text := range further {
		texts = append(texts, `"`+text+`"`)
	}
	return "[" + strings.Join(texts, ",") + "]"
}

func TestNoValueHidesAnother(t *testing.T) {
	t.Parallel()
	junk := []string{"md5: not asked, the value is not of this kind: junk0", "md5: not asked, the value is not of this kind: junk1", "md5: not asked, the value is not of this kind: junk2"}
	for name, test := range map[string]struct {
		data          string
		values, notes []string
	}{
		"behind twelve values of nonsense": {
			`{"a":` + list("junk%d", 12, md5) + `,"u":"jdoe"}`,
			[]string{md5, "jdoe"},
			append(slices.Clone(junk), "md5: 9 more values are not of this kind"),
		},
		"at another path than more nonsense than is looked at": {
			`{"a":` + list("junk%d", maxLooked+7) + `,"b":"` + md5 + `","u":"jdoe"}`,
			[]string{md5, "jdoe"},
			append(slices.Clone(junk), "md5: 9997 more values are not of this kind", "md5: 7 more values were left out"),
		},
		"at another path than more good values than are asked about": {
			`{"a":` + list("%032d", 20, md5) + `,"b":["` + md5 + `","` + strings.Repeat("f", 32) + `"],"u":"jdoe"}`,
			append([]string{
				fmt.Sprintf("%032d", 0), md5, fmt.Sprintf("%032d", 1), strings.Repeat("f", 32), fmt.Sprintf("%032d", 2), fmt.Sprintf("%032d", 3),
				fmt.Sprintf("%032d", 4), fmt.Sprintf("%032d", 5), fmt.Sprintf("%032d", 6), fmt.Sprintf("%032d", 7),
			}, "jdoe"),
			[]string{"md5: 12 more values were left out"},
		},
		"one too many of each": {
			`{"a":` + list("junk%d", 4) + `,"b":` + list("%032d", 11) + `}`,
			[]string{
				fmt.Sprintf("%032d", 0), fmt.Sprintf("%032d", 1), fmt.Sprintf("%032d", 2), fmt.Sprintf("%032d", 3), fmt.Sprintf("%032d", 4),
				fmt.Sprintf("%032d", 5), fmt.Sprintf("%032d", 6), fmt.Sprintf("%032d", 7), fmt.Sprintf("%032d", 8), fmt.Sprintf("%032d", 9),
			},
			append(slices.Clone(junk), "md5: 1 more value is not of this kind", "md5: 1 more value was left out", "user: no value at u"),
		},
		"repeated ones count once": {
			`{"a":` + list("", 0, slices.Repeat([]string{md5}, 30)...) + `,"u":"jdoe"}`,
			[]string{md5, "jdoe"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values, notes := gathered(t, Config{Indicators: map[framework.Kind]Paths{framework.MD5: {"a", "b"}, framework.User: {"u"}}}, test.data)
			if diff := cmp.Diff(test.values, values); diff != "" {
				t.Errorf("asked about (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathsLeadToValuesHoweverMembersAreNamed(t *testing.T) {
	t.Parallel()
	const data = `{
		"a": {"b": {"c": "nested"}, "b.c": "dotted", "d.e": {"f.g": "both"}, "x": {"y": "short"}},
		"a.x": {"y": "long"}, "a.b": 7,
		"list": ["one", 2, "", null, {"k": "three"}, [" four "]],
		"deep": [{"k": "v1"}, {"k": ["v2", "v3"]}, {"other": 1}],
		"big": 12345678901234567890, "yes": true, "null": null, "empty": "", "object": {}
	}`
	for path, want := range map[string][]string{
		"a.b.c": {"dotted"}, "a.d.e.f.g": {"both"}, "a.x.y": {"long"}, "a.b": {"7"},
		"list": {"one", "2", " four "}, "list.k": {"three"}, "deep.k": {"v1", "v2", "v3"},
		"big": {"12345678901234567890"}, "yes": nil, "null": nil, "empty": nil, "object": nil,
		"a": nil, "a.b.c.d": nil, "nowhere": nil, "": nil, ".": nil, "a..b": nil, ".a": nil,
	} {
		value, err := framework.DecodeData(framework.JSON(data))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lookup(value, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestGatheringEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	config := Config{Indicators: map[framework.Kind]Paths{framework.User: {"u"}}}
	if _, _, err := config.gather(ctx, []framework.Kind{framework.User}, nil, map[string]any{"u": "jdoe"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A hostile list costs what it is long: each value is looked at once, up to a bound, and compared with a set. How deep it
// lies costs nothing for each of them.
func TestGatheringIsLinear(t *testing.T) {
	const n = 100_000
	data := nested(n)
	place := &harvest{kind: framework.User}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	visit(data, "u", func(value string) { place.add(t.Context(), value) })
	runtime.ReadMemStats(&after)
	got := []int{place.looked, place.left, len(place.seen), len(place.first), place.wrongs}
	if diff := cmp.Diff([]int{maxLooked, n - maxLooked, maxLooked, maxValues, 0}, got); diff != "" {
		t.Errorf("looked at, left, distinct, kept, wrong (-want +got):\n%s", diff)
	}
	if bytes := (after.TotalAlloc - before.TotalAlloc) / n; bytes > 200 {
		t.Errorf("%d bytes are allocated for each value", bytes)
	}
}

// nested is data with n users, within as many lists as a document may be deep.
func nested(n int) any {
	users := make([]any, n)
	for i := range users {
		users[i] = fmt.Sprintf("user%d", i)
	}
	var value any = users
	for range 1_000 {
		value = []any{value}
	}
	return map[string]any{"u": value}
}

func BenchmarkGather(b *testing.B) {
	config := Config{Indicators: map[framework.Kind]Paths{framework.User: {"u"}}}
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := nested(n)
			for b.Loop() {
				if _, _, err := config.gather(b.Context(), []framework.Kind{framework.User}, nil, data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
		})
	}
}

func FuzzLookup(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":{"b":"c"}}`, "a.b"}, {`{"a.b":["c",{"d":1}]}`, "a.b.d"}, {`[[[]]]`, "."}, {`"x"`, ""}, {`{"":{"":"x"}}`, "."},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, data, path string) {
		value, err := framework.DecodeData(framework.JSON(data))
		if err != nil {
			return
		}
		for _, found := range lookup(value, path) {
			if found == "" {
				t.Errorf("an empty value at %q", path)
			}
		}
		if path != "" && !strings.ContainsAny(path, "\ufffd") {
			wrapped := map[string]any{path: "whole"}
			if diff := cmp.Diff([]string{"whole"}, lookup(wrapped, path)); diff != "" {
				t.Errorf("a member named %q (-want +got):\n%s", path, diff)
			}
		}
	})
}
