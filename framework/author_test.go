package framework

// author writes a document, led by the bytes of a program.
type author struct{ program []byte }

// pick takes a byte and returns a number below n.
func (a *author) pick(n int) int {
	if len(a.program) == 0 {
		return 0
	}
	next := a.program[0]
	a.program = a.program[1:]
	return int(next) % n
}

func (a *author) object(depth int) []byte {
	names := []string{
		"text", "code", "level", "step", "count", "ratio", "even", "tenth", "flag", "maybe", "tags", "distinct", "kids", "choices", "values", "nested", "or_null", "free", "open",
		"choice", "matrix", "numbers", "blob", "when", "utc", "day", "lasts", "mail", "host", "v4", "v6", "link", "identity",
		"tiny", "port", "huge", "single", "at", "grade", "id", "next", "type", "radius", "from", "to", "Text", "other",
	}
	text, taken := []byte("{"), map[string]bool{}
	if depth == 0 {
		text, taken["text"] = append(text, `"text":"abc"`...), true
	}
	for range a.pick(5) {
		name := names[a.pick(len(names))]
		if taken[name] {
			continue
		}
		if taken[name] = true; len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, `"`+name+`":`...)
		text = append(text, a.value(name, depth)...)
	}
	return append(text, '}')
}

func (a *author) value(name string, depth int) []byte {
	if fitting := fittingValues()[name]; len(fitting) > 0 && a.pick(3) > 0 {
		return []byte(fitting[a.pick(len(fitting))])
	}
	switch choice := a.pick(8); {
	case choice == 0 && depth < 4:
		return a.object(depth + 1)
	case choice == 1 && depth < 4:
		list := []byte("[")
		for i := range a.pick(4) {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, a.value("", depth+1)...)
		}
		return append(list, ']')
	default:
		any := []string{
			"null", "true", "false", "0", "-0", "1", "1.0", "10", "11", "-3", "-4", "0.5", "0.3", "1e0", "1e2", "100", "5e-1", "2147483648", "9007199254740993", "1e-7",
			"9223372036854775808", "-9223372036854775809", "1e400", "1e-400", "10E+999999998", "1e999999999", "-1.5e-99999999999999999999",
			`""`, `"a"`, `"ab"`, `"abcdef"`, `"\u0061b"`, `"low"`, `"aGk="`, `"ü"`, `"circle"`, `"line"`, "[]", "{}", `{"id":"x"}`, `["a"]`, `["a","a"]`, "[[1]]",
		}
		return []byte(any[a.pick(len(any))])
	}
}

// fittingValues are values that a member may have, and some that it may just not.
func fittingValues() map[string][]string {
	return map[string][]string{
		"text": {`"ab"`, `"abcde"`, `"äöüßé"`}, "code": {`"a"`, `"a1"`, `"1a"`, `"a1b"`}, "level": {`"low"`, `"high"`, `"\u006cow"`, `"mid"`},
		"step": {"0.5", "5e-1", "1", "1.00", "1e2", "99"}, "count": {"-3", "10", "11", "-4"}, "ratio": {"0.1", "0", "1", "0.99999999999999999999"},
		"even": {"2", "3", "0", "-4"}, "tenth": {"0.1", "0.3", "0.30000000000000004", "1e-1", "1e-2", "9007199254740992", "9007199254740993"},
		"tags": {`["a"]`, `["a","b","c"]`, `["a","b","c","d"]`, `["a","\u0061"]`}, "distinct": {`[1,1.0]`, `[0.1,0.10000000000000001]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `[1,"1",true,null]`},
		"kids":    {`[{"id":"1"},{"id":"2"}]`, `[{"id":"1"},{"x":1,"id":"1"}]`, `[{"id":"1","x":1},{"id":"1","x":2},{"id":"2"}]`, `[{"id":"1","next":{"y":1,"id":"2"}},{"next":{"id":"2"},"id":"1"}]`},
		"choices": {`[{"type":"line","from":"a","x":1},{"x":2,"type":"line","from":"a"}]`, `[{"type":"circle","radius":1},{"type":"circle","radius":2}]`, `[{"type":"circle","radius":1},{"radius":1,"type":"circle"}]`},
		"values":  {`{"a":"x"}`, `{"a":["x","y"],"b":[]}`, `{"a":1}`}, "nested": {`{"id":"1"}`, `{"id":"1","next":{"id":"2"}}`, `{"id":"1","next":{}}`},
		"or_null": {"null", `{"id":"1"}`, `{"id":1}`}, "open": {`{"id":"1","x":[]}`, `{"x":1}`},
		"choice": {`{"type":"circle","radius":1}`, `{"radius":0,"type":"circle"}`, `{"type":"line","from":"a","to":"b"}`, `{"type":"line","radius":1}`, `{"type":"x"}`},
		"matrix": {"[[1,2],[]]", "[[1.5]]"}, "numbers": {"[1,2]", "[1,2,3]"}, "blob": {`"aGk="`, `"aGk"`, `"aG k="`},
		"when": {`"2026-11-20T12:00:00Z"`, `"2016-12-31T23:59:60Z"`, `"2016-12-31T22:59:60-01:00"`, `"2026-13-01T00:00:00Z"`, `"2026-11-20T12:00:00"`, `"2026-11-20T12:00:00+24:00"`},
		"utc":  {`"2026-11-20T12:00:00.5Z"`, `"2026-11-20T12:00:00+00:00"`, `"2016-12-31T23:59:60Z"`, `"9999-12-31T23:59:59Z"`},
		"day":  {`"2024-02-29"`, `"2026-02-29"`, `"0000-01-01"`}, "lasts": {`"P1D"`, `"PT5M"`, `"P1YT"`, `"P1Y1D"`, `"PT1S1M"`},
		"mail": {`"a@b.c"`, `"a.b@c"`, `".a@b"`, `"a@-b"`, `"@b"`, `"\"a b\"@c"`, `"\"ä\"@c"`, `"a@[1.2.3.4]"`, `"a@[1.2.3.-0]"`}, "host": {`"a.b"`, `"a..b"`, `"a.b."`, `"-a"`}, "v4": {`"1.2.3.4"`, `"1.2.3"`, `"01.2.3.4"`, `"+1.2.3.4"`},
		"v6": {`"::1"`, `"::1%x"`, `"1::2::3"`, `"1.2.3.4"`}, "link": {`"http://a/b"`, `"a/b"`, `"urn:x:y"`, `"http://[::1"`, `"http://a/ü"`, `"http://a b"`},
		"identity": {`"123e4567-e89b-12d3-a456-426614174000"`, `"123e4567-e89b-12d3-a456-42661417400g"`},
		"grade":    {`"a"`, `"b"`, `"c"`, "null"}, "tiny": {"127", "128", "-128", "-129"}, "port": {"1", "65535", "65536", "0", "-1"}, "huge": {"0", "18446744073709551615", "18446744073709551616", "-1"},
		"single": {"3.4028235e38", "3.4028236e38", "-3.4028235e38", "1e-50"}, "at": {`"9999-12-31T23:59:59Z"`, `"9999-12-31T00:00:00-00:01"`, `"2026-11-20T+1:00:00Z"`, `"2016-12-31T23:59:60Z"`, `"9999-12-31T23:59:59-23:59"`, `"0000-01-01T00:00:00+00:01"`, `"2026-11-20T12:00:00.123Z"`},
	}
}

func seeds() []string {
	documents := []string{
		`{"text":"abc"}`, `{"text":"a"}`, `{"text":"äöüßé!"}`, `{"text":"abc","code":"ab1","level":"low","count":-3,"ratio":0.5,"even":4,"flag":true}`,
		`{"text":"abc","maybe":null,"tags":["a","b"],"values":{"a":"x","b":["y"]},"nested":{"id":"1","next":{"id":"2"}}}`,
		`{"text":"abc","tags":["a","\u0061"]}`, `{"text":"abc","tags":[]}`, `{"text":null}`, `[]`, `{"text":"abc","free":{"any":[1,null]}}`,
		`{"text":"abc","open":{"id":"x","more":1}}`, `{"text":"abc","open":{"more":1}}`, `{"text":"abc","matrix":[[1],[]],"numbers":[1,2]}`,
		`{"text":"abc","numbers":[1]}`, `{"text":"abc","values":{"a":"x","b":"y","c":"z"}}`, `{"text":"abc","unknown":1}`, `{"text":"abc","even":3}`, `{"text":"abc","ratio":1}`,
		`{"text":"abc","distinct":[1,1.0,1e0,"1",{"a":1,"b":2},{"b":2,"a":1},9007199254740993,9007199254740992]}`, `{"text":"abc","distinct":[0,-0,[null]]}`,
		`{"text":"abc","tenth":0.3}`, `{"text":"abc","tenth":0.30000000000000004}`, `{"text":"abc","tenth":9007199254740993}`, `{"text":"abc","step":1.0}`, `{"text":"abc","step":1e2}`, `{"text":"abc","step":5E-1}`,
		`{"text":"abc","or_null":null}`, `{"text":"abc","or_null":{"id":"1"}}`, `{"text":"abc","or_null":[]}`, `{"text":"abc","blob":"aGk="}`, `{"text":"abc","blob":"aGk"}`,
		`{"text":"abc","choice":{"type":"circle","radius":1}}`, `{"text":"abc","choice":{"radius":1,"type":"circle"}}`, `{"text":"abc","choice":{"type":"circle","from":"a"}}`,
		`{"text":"abc","choice":{"type":"line","from":"a"}}`, `{"text":"abc","choice":{"type":"square"}}`, `{"text":"abc","choice":{}}`, `{"text":"abc","choice":{"type":7}}`,
	}
	for member, values := range map[string][]string{
		"when":     {"2026-11-20T12:00:00Z", "2026-11-20t12:00:00.5+01:00", "2016-12-31T23:59:60Z", "2026-02-30T00:00:00Z", "2016-12-31T22:59:60-01:00", "2026-11-20 12:00:00Z", "2026-11-20T24:00:00Z"},
		"day":      {"2026-11-20", "2026-11-31", "20261120"},
		"lasts":    {"P1D", "PT1H30M", "P2W", "P", "PT", "P1Y2M3DT4H5M6S", "P1H", "P1W1D"},
		"mail":     {"jane@example.com", "a@b", "a..b@c.de", "\\\"a b\\\"@c.de", "a@[127.0.0.1]", "a@[IPv6:::1]", "@b.c", "jane"},
		"host":     {"example.com", "-a.com", "a.com.", "a_b.com", "xn--a", ""},
		"v4":       {"127.0.0.1", "127.0.0.01", "256.1.1.1", "1.1.1"},
		"v6":       {"::1", "fe80::1%eth0", "2001:db8::", ":::", "::ffff:1.2.3.4"},
		"link":     {"https://example.com/a?b#c", "mailto:a@b.c", "/relative", "http://[::1]/", "http://a b/", "http://exämple.com"},
		"identity": {"123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"},
	} {
		for _, value := range values {
			documents = append(documents, `{"text":"abc","`+member+`":"`+value+`"}`)
		}
	}
	return documents
}
