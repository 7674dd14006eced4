package framework

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// mutator spoils documents that are valid.
type mutator struct{ random *rand.Rand }

// spoil makes some changes, each of a kind that senders, proxies and attackers make.
func (m mutator) spoil(document []byte, other []byte) []byte {
	for range 1 + m.random.IntN(8)/5 {
		if len(document) == 0 {
			return document
		}
		document = m.change(bytes.Clone(document), other)
	}
	return document
}

func (m mutator) change(document, other []byte) []byte {
	at := m.random.IntN(len(document))
	end := at + m.random.IntN(min(12, len(document)-at)+1)
	switch m.random.IntN(12) {
	case 0: // a bit flips
		document[at] ^= 1 << m.random.IntN(8)
		return document
	case 1: // any byte
		document[at] = byte(m.random.UintN(256))
		return document
	case 2: // a piece is lost
		return append(document[:at], document[end:]...)
	case 3: // the end is lost
		return document[:at]
	case 4: // a piece comes twice
		return append(document[:end:end], document[at:]...)
	case 5: // a piece of another document comes in
		from := m.random.IntN(len(other))
		return insert(document, at, other[from:from+m.random.IntN(len(other)-from)+1])
	case 6:
		pieces := []string{
			`"`, `\`, `,`, `:`, `{`, `}`, `[`, `]`, `{}`, `[]`, `""`, "\x00", "\n", "\xff", "\xc0\x80", "\xed\xa0\x80", "\ufeff", `\ud800`, `\u0000`, "null", "true", "1e999", "-", "0", ".", "é",
			`"x":[{"y":"\ud83d\ude00"}],`, `"text":"ab",`, `"\u0074ext":"ab",`, `"x":`, strings.Repeat("[", 60), strings.Repeat("]", 60), strings.Repeat(`{"x":`, 60), strings.Repeat("}", 60),
		}
		return insert(document, at, []byte(pieces[m.random.IntN(len(pieces))]))
	case 7, 8, 9:
		return m.swap(document)
	default:
		return m.wrap(document)
	}
}

func insert(document []byte, at int, piece []byte) []byte {
	return append(append(bytes.Clone(document[:at]), piece...), document[at:]...)
}

// token is a piece of a document that stays valid when it takes the place of another one of its kind.
type token struct{ from, to int }

// tokens are the values and names of a document, as the JSON package finds them.
func tokens(document []byte) (values, names []token) {
	decoder := jsontext.NewDecoder(bytes.NewReader(document), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		before := int(decoder.InputOffset())
		read, err := decoder.ReadToken()
		if err != nil {
			return values, names
		}
		start := len(document) - len(bytes.TrimLeft(document[before:], " \t\r\n,:"))
		kind, count := decoder.StackIndex(decoder.StackDepth())
		end := int(decoder.InputOffset())
		switch {
		case strings.ContainsRune("{}[]", rune(read.Kind())):
		case kind == '{' && count%2 == 1:
			names = append(names, token{start, end})
		default:
			values = append(values, token{start, end})
		}
	}
}

// swap has two names, or two values, change places; a name may come to be there twice.
func (m mutator) swap(document []byte) []byte {
	values, names := tokens(document)
	from := values
	if len(values) < 2 || len(names) > 1 && m.random.IntN(2) == 0 {
		from = names
	}
	if len(from) < 2 {
		return document
	}
	i := m.random.IntN(len(from) - 1)
	a, b := from[i], from[i+1+m.random.IntN(len(from)-i-1)]
	text := func(t token) []byte { return document[t.from:t.to] }
	first, second := text(a), text(b)
	if m.random.IntN(3) == 0 {
		first = second // one of them is there twice
	}
	return bytes.Join([][]byte{document[:a.from], second, document[a.to:b.from], first, document[b.to:]}, nil)
}

// wrap puts a value into containers, up to where that is too deep, or replaces one by such.
func (m mutator) wrap(document []byte) []byte {
	values, _ := tokens(document)
	if len(values) == 0 {
		return document
	}
	at, depth := values[m.random.IntN(len(values))], m.random.IntN(110)
	open, shut := "[", "]"
	if m.random.IntN(2) == 0 {
		open, shut = `{"x":`, "}"
	}
	inside := string(document[at.from:at.to])
	return bytes.Join([][]byte{document[:at.from], []byte(strings.Repeat(open, depth) + inside + strings.Repeat(shut, depth)), document[at.to:]}, nil)
}

// mutated counts what became of the documents.
type mutated struct{ all, asJSON, valid, filled, dropped int }

// reads holds how a document is read against how the JSON package reads it, with undeclared members refused and dropped: whether it
// is JSON at all, and what the handler gets.
func (c comparison) reads(t *testing.T, document []byte, count *mutated) {
	t.Helper()
	wrong := jsonError(document)
	count.all++
	if wrong == nil {
		count.asJSON++
	}
	if isJSON := jsontext.Value(document).IsValid(); isJSON != (wrong == nil) && !errors.Is(wrong, errTooDeep) {
		t.Fatalf("%q is JSON: %t, but %v", document, isJSON, wrong)
	}
	for _, undeclared := range []Undeclared{Reject, Drop} {
		violations, cuts, err := c.ours.check(document, undeclared)
		if (err == nil) != (wrong == nil) || errors.Is(err, errTooDeep) != errors.Is(wrong, errTooDeep) {
			t.Fatalf("%q: ours %v, the JSON package %v", document, err, wrong)
		}
		if err != nil || len(violations) > 0 {
			continue
		}
		count.valid++
		c.bound(t, document, undeclared, count)
		if undeclared == Drop && len(cuts) > 0 {
			count.dropped++
			c.bound(t, c.left(t, document, cuts), Reject, count)
		}
	}
}

// left is what is left of a document. That must be JSON, and say nothing that the document does not.
func (c comparison) left(t *testing.T, document []byte, cuts []cut) []byte {
	t.Helper()
	left := without(document, cuts)
	violations, more, err := c.ours.check(left, Reject)
	if err != nil || len(violations) > 0 || len(more) > 0 || !jsontext.Value(left).IsValid() {
		t.Fatalf("%q without what is dropped is %q: %v %v %v", document, left, violations, more, err)
	}
	var whole, less judged
	if wrong, wrongToo := decodeChecked(document, &whole), decodeChecked(left, &less); wrong != nil || wrongToo != nil {
		t.Fatalf("%q and %q: %v, %v", document, left, wrong, wrongToo)
	}
	whole.Open.Raw, less.Open.Raw = nil, nil
	if !reflect.DeepEqual(whole, less) {
		t.Fatalf("%q and %q are %+v and %+v", document, left, whole, less)
	}
	return left
}

// bound holds what the handler gets, as the funnel binds it, against what the JSON package makes of the document.
func (c comparison) bound(t *testing.T, document []byte, undeclared Undeclared, count *mutated) {
	t.Helper()
	var want, got judged
	if _, filled, _ := c.ours.fill(document, undeclared, c.form, reflect.ValueOf(&got).Elem()); filled {
		count.filled++
	}
	got = judged{}
	body := bodyBinding{checker: c.ours, form: c.form, undeclared: undeclared}
	violations, problem := body.bind(NewRequest(nil, "", document, nil), reflect.ValueOf(&got).Elem())
	err := json.Unmarshal(document, &want)
	if err != nil && bytes.Contains(document, []byte("-0")) { // which the JSON package takes for no integer
		want = judged{}
		err = decodeChecked(document, &want)
	}
	if problem != nil || len(violations) > 0 || err != nil {
		t.Fatalf("%q is bound with %v %v, and decoded with %v", document, problem, violations, err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%q (-decoded +bound):\n%s", document, cmp.Diff(want, got))
	}
}

// validDocuments writes documents that are valid when undeclared members are dropped.
func validDocuments(tb testing.TB, c comparison, random *rand.Rand, count int) (all [][]byte) {
	tb.Helper()
	program := make([]byte, 96)
	for len(all) < count {
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		document := (&author{program: program}).object(0)
		if violations, _, err := c.ours.check(document, Drop); err == nil && len(violations) == 0 && len(document) > len(`{"text":"abc"}`) {
			all = append(all, document)
		}
	}
	return all
}

func TestMutatedDocumentsAreReadAsTheJSONPackageReadsThem(t *testing.T) {
	compare := newComparison(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	from := validDocuments(t, compare, random, 500)
	pick := func() []byte { return from[random.IntN(len(from))] }
	var count mutated
	for range *documents {
		compare.reads(t, (mutator{random}).spoil(pick(), pick()), &count)
	}
	t.Logf("no disagreement on %d documents, each with undeclared members refused and dropped (seed %d): %+v", *documents, seed, count)
	if least := *documents / 50; count.asJSON < 5*least || count.all-count.asJSON < 5*least || count.filled < least || count.dropped < least {
		t.Errorf("of %d documents there are too few of a kind: %+v", *documents, count)
	}
}

// FuzzMutatedDocumentsAreReadAsTheJSONPackageReadsThem takes the document itself from the engine, whose corpus begins with valid ones.
func FuzzMutatedDocumentsAreReadAsTheJSONPackageReadsThem(f *testing.F) {
	compare := newComparison(f)
	for _, document := range validDocuments(f, compare, rand.New(rand.NewPCG(1, 2)), 40) {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document []byte) { compare.reads(t, document, new(mutated)) })
}

// TestMutatedDocumentsAreFilledAsTheJSONPackageDecodesThem is about inputs of every form.
func TestMutatedDocumentsAreFilledAsTheJSONPackageDecodesThem(t *testing.T) {
	n, form := newFilled(t)
	var from [][]byte
	for _, seed := range fillSeeds() {
		if violations, _, err := n.check([]byte(seed), Drop); err == nil && len(violations) == 0 && len(seed) > len("{}") {
			from = append(from, []byte(seed))
		}
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func() []byte { return from[random.IntN(len(from))] }
	valid := 0
	for range *documents {
		document := (mutator{random}).spoil(pick(), pick())
		agrees(t, n, form, document, Reject)
		agrees(t, n, form, document, Drop)
		if violations, _, err := n.check(document, Drop); err == nil && len(violations) == 0 {
			valid++
		}
	}
	t.Logf("no disagreement on %d documents, each with undeclared members refused and dropped (seed %d), %d of them valid", *documents, seed, valid)
	if valid < *documents/10 || valid > *documents*9/10 {
		t.Errorf("%d of %d documents are valid: the mutator is not worth its pay", valid, *documents)
	}
}
