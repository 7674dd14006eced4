package framework

import (
	"bytes"
	"errors"
	"io"
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

// accepts reports whether the JSON package takes a document: it shares nothing with the scanner.
func accepts(document []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(document))
	if err := decoder.SkipValue(); err != nil {
		return err
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

func FuzzTheScannerAcceptsWhatTheJSONPackageAccepts(f *testing.F) {
	for _, seed := range syntaxSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var s scanner
		s.reset(document)
		value := s.value()
		ours, theirs := s.end(), accepts(document)
		if s.tooDeep {
			return
		}
		if ours != (theirs == nil) {
			t.Fatalf("%q: ours %t, theirs %v", document, ours, theirs)
		}
		if !ours {
			if err := s.syntaxError(); err == nil || errors.Is(err, errScan) {
				t.Fatalf("%q: no reason but %v", document, err)
			}
			return
		}
		if diff := cmp.Diff(string(bytes.Trim(document, " \t\r\n")), string(value)); diff != "" {
			t.Fatalf("value (-want +got):\n%s", diff)
		}
		if value[0] == '"' {
			want, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(unquoted(nil, value))); diff != "" {
				t.Fatalf("text of %q (-want +got):\n%s", value, diff)
			}
		}
	})
}

// FuzzStrings makes strings of any bytes, at every distance from the words of eight bytes that are looked at together.
func FuzzTheScannerReadsStringsAsTheJSONPackageDoes(f *testing.F) {
	for _, seed := range syntaxSeeds() {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, before uint8) {
		document := []byte(strings.Repeat(" ", int(before%9)) + `"` + text + `"`)
		var s scanner
		s.reset(document)
		s.value()
		if ours, theirs := s.end(), accepts(document); ours != (theirs == nil) {
			t.Fatalf("%q: ours %t, theirs %v", document, ours, theirs)
		}
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
	w := walks.Get().(*walk)
	w.reset([]byte(`{"secret":"canary"}`))
	w.scanner.value()
	w.violate("type", "canary")
	w.done()
	if w.document != nil || w.violations != nil || w.cuts != nil || w.unfit || w.broken {
		t.Errorf("left behind: %+v", w)
	}
}
