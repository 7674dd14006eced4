package framework

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func syntaxSeeds() []string {
	return []string{
		"", " ", "null", "true", "false", "nul", "tru e", "0", "-0", "-", "01", "1.", ".1", "1.5e+10", "1e", "1E-07", "-1.0e", "+1", "1 2", `""`, `"a`, `"\`,
		`"\u00e9\ud83d\ude00\n\/"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, `"\u12g4"`, `"\x"`, "\"\t\"", "\"\x7f\"", "\"\xff\"", "\"\xc3\"", "\"\xc3\xa9é😀\"",
		"[]", "[1]", "[1,]", "[,1]", "[1 2]", "[1,[2,[3]]", "{}", `{"a":1}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
		`{"":{"":{}}}`, "\ufeff{}", "{}\x00", " \t\r\n{ \"a\" : [ 1 , true ] } \n", "[1]]", "}", `["abcdefgh\"ijklmnop\\qrstuvwx\n"]`, `"0123456789abcdef` + "\x1f" + `"`,
		`{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1,"b7":1,"b8":1,"b9":1,"a1":1}`,
		`{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1,"b7":1,"b8":1,"b9":1,"b8":1}`,
	}
}

// jsonError is what the JSON package says of a document, which shares nothing with the scanner; errTooDeep where it goes deeper than is
// allowed before anything else is wrong with it.
func jsonError(document []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(document))
	for {
		_, err := decoder.ReadToken()
		switch {
		case err != nil:
			return err
		case decoder.StackDepth() > maxDepth:
			return errTooDeep
		case decoder.StackDepth() > 0:
			continue
		}
		if _, err := decoder.ReadToken(); err == nil {
			return errTrailing
		} else if !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
}

// scansAlike holds the scanner against the JSON package: in what they accept, in the value, in its text, and in the reason.
func scansAlike(t *testing.T, document []byte) (accepted bool) {
	t.Helper()
	var s scanner
	s.reset(document)
	value := s.value()
	ours, theirs := s.end(), jsonError(document)
	if ours != (theirs == nil) || s.tooDeep != errors.Is(theirs, errTooDeep) || theirs == nil != jsontext.Value(document).IsValid() && !s.tooDeep {
		t.Fatalf("%q: ours %t, too deep %t, theirs %v", document, ours, s.tooDeep, theirs)
	}
	if !ours {
		if err := s.syntaxError(); err == nil || errors.Is(err, errScan) {
			t.Fatalf("%q: no reason but %v", document, err)
		}
		return false
	}
	if diff := cmp.Diff(string(bytes.Trim(document, " \t\r\n")), string(value)); diff != "" {
		t.Fatalf("value (-want +got):\n%s", diff)
	}
	if value[0] == '"' {
		want, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			t.Fatal(err)
		}
		s.reset(value)
		if got, ok := s.string(); !ok || string(got) != string(want) {
			t.Fatalf("text of %q is %q, want %q", value, got, want)
		}
	}
	return true
}

func FuzzTheScannerAcceptsWhatTheJSONPackageAccepts(f *testing.F) {
	for _, seed := range syntaxSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) { scansAlike(t, document) })
}

// scribe writes documents that are JSON but for a slip or two.
type scribe struct{ random *rand.Rand }

func (s scribe) pick(from ...string) string { return from[s.random.IntN(len(from))] }

func (s scribe) text() string {
	text := `"`
	for range s.random.IntN(6) {
		text += s.pick("a", "b", "plain text", "12345678", "é", "😀", `\n`, `\"`, `\\`, `\/`, `\u0061`, `\u00e9`, `\ud83d\ude00`, `\uFFFD`, "\x7f")
		if s.random.IntN(60) == 0 {
			text += s.pick(`\x`, `\ud800`, `\udc00`, `\ud800\u0041`, `\u12g4`, "\n", "\x1f", "\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", `"`, `\`)
		}
	}
	return text + `"`
}

func (s scribe) value(depth int) string {
	switch s.random.IntN(5) {
	case 0:
		return s.pick("0", "-0", "1", "12.5", "1e9", "-1.25E-07", "9007199254740993", "null", "true", "false")
	case 1, 2:
		return s.text()
	}
	if depth > 4 {
		return "{}"
	}
	var parts []string
	object := s.random.IntN(2) == 0
	for range s.random.IntN(4) + s.random.IntN(20)/19*20 {
		part := s.value(depth + 1)
		if object {
			part = s.text() + s.pick(":", " : ") + part
		}
		parts = append(parts, part)
	}
	inside := strings.Join(parts, s.pick(",", ", ", "\n,\t"))
	if object {
		return "{" + inside + "}"
	}
	return "[" + inside + "]"
}

// slip takes out, puts in or changes a byte.
func (s scribe) slip(document string) string {
	at := s.random.IntN(len(document))
	put := s.pick("", ",", ":", `"`, "[", "]", "{", "}", "0", ".", "-", "e", "+", "\\", " ", "\x00", "\xff", "t", "n", "//", "\ufeff")
	return document[:at] + put + document[at+s.random.IntN(2):]
}

func TestTheScannerAgreesOnRandomDocuments(t *testing.T) {
	seed := rand.Uint64()
	writer := scribe{rand.New(rand.NewPCG(seed, 0))}
	accepted := 0
	for range *documents {
		document := writer.value(0)
		for writer.random.IntN(3) == 0 && document != "" {
			document = writer.slip(document)
		}
		if scansAlike(t, []byte(document)) {
			accepted++
		}
	}
	t.Logf("no disagreement on %d documents (seed %d), %d of them JSON", *documents, seed, accepted)
	if accepted < *documents/5 || accepted > *documents*9/10 {
		t.Errorf("%d of %d documents are JSON: the scribe is not worth its pay", accepted, *documents)
	}
}

// FuzzTheScannerReadsStringsAsTheJSONPackageDoes makes strings of any bytes, at every distance from the words of eight bytes that are looked at together.
func FuzzTheScannerReadsStringsAsTheJSONPackageDoes(f *testing.F) {
	for _, seed := range syntaxSeeds() {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, before uint8) {
		document := []byte(strings.Repeat(" ", int(before%9)) + `"` + text + `"`)
		scansAlike(t, document)
		scansAlike(t, document[before%9:]) // whose text is compared, too
	})
}

func TestDepthIsBounded(t *testing.T) {
	nest := func(depth int) []byte { return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth)) }
	anything := &node{kinds: isAny}
	if _, _, err := anything.check(nest(maxDepth), Reject); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if _, _, err := anything.check(nest(maxDepth+1), Reject); !errors.Is(err, errTooDeep) {
		t.Errorf("%d levels: %v", maxDepth+1, err)
	}
	if _, _, err := anything.check([]byte(strings.Repeat(`{"a":`, 1_000_000)), Reject); !errors.Is(err, errTooDeep) {
		t.Errorf("a million levels without an end: %v", err)
	}
}

func TestAWalkKeepsNothingOfTheDocumentForTheNext(t *testing.T) {
	names := func(n int) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, `"canary%d":1,`, i)
		}
		return text.String()
	}
	for _, c := range []struct{ name, document string }{
		{"read to its end", `{"secret":"canary","\u0061":{` + names(3) + `"b":2}}`},
		{"broken off inside", `{"secret":"canary","list":[{"canary":1,"canary":2`},
		{"many names", "{" + names(1000) + `"a":1}`},
		{"much text with escapes", `"\n` + strings.Repeat("canary", 20_000) + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := new(walk)
			w.reset([]byte(c.document))
			w.scanner.value()
			w.violate("type", "canary")
			w.texts.add([]byte("canary"), 10)
			w.done()
			if w.document != nil || w.violations != nil || w.cuts != nil || w.unfit || w.broken || w.texts.shared.Len() > 0 || len(w.text) > 0 || cap(w.text) > maxKept {
				t.Errorf("left behind: %+v", w)
			}
			for _, l := range w.levels[:cap(w.levels)] {
				if l.name != nil || len(l.names.table) > 0 || slices.ContainsFunc(l.names.texts[:cap(l.names.texts)], func(name []byte) bool { return name != nil }) || cap(l.names.texts) > 2*few {
					t.Errorf("a level left behind: %+v", l)
				}
			}
		})
	}
}

func TestRepeatedNamesAreFoundHoweverMany(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf(`"n%d":0`, i))
	}
	for many := range names {
		for again := range many {
			document := "{" + strings.Join(names[:many], ",") + "," + strings.Replace(names[again], "n", `\u006e`, 1) + "}"
			if _, _, err := (&node{kinds: isAny}).check([]byte(document), Reject); err == nil {
				t.Fatalf("%s was accepted", document)
			}
		}
		if _, _, err := (&node{kinds: isAny}).check([]byte("{"+strings.Join(names[:many], ",")+"}"), Reject); err != nil {
			t.Fatalf("%d names: %v", many, err)
		}
	}
}
