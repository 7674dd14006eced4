package framework

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// form is how a Go type is filled with a document while that is checked, compiled from the type at start-up. It knows what
// most inputs are made of; all else is decoded by the JSON package, value by value (formWhole). Filling differs from decoding
// in nothing but its cost.
type form struct {
	kind   formKind
	of     *form          // of the items of a slice, the values of a map, and what a pointer points to
	fields []field        // of a struct, in their order
	byName map[string]int // their places in fields, by their names in JSON
	few    int            // items of a slice that room is made for at first
	goType reflect.Type
}

type field struct {
	name  string // in JSON
	index int    // in the struct
	form  *form
}

type formKind uint16

const (
	formWhole formKind = 1 << iota
	formString
	formInt
	formUint
	formFloat
	formBool
	formTime
	formSlice
	formMap
	formPointer
	formStruct
)

// firstItems is the room in bytes that is made for the first items of a slice.
const firstItems = 256

// formOf compiles the form of a type.
func formOf(t reflect.Type) *form { return formWithin(t, map[reflect.Type]*form{}) }

// formWithin knows the types that it is inside of, so that types may be recursive.
func formWithin(t reflect.Type, known map[reflect.Type]*form) *form {
	if f, ok := known[t]; ok {
		return f
	}
	f := &form{kind: formKindOf(t), goType: t}
	known[t] = f
	switch f.kind {
	case formSlice, formMap, formPointer:
		f.few = max(1, min(8, firstItems/max(1, int(t.Elem().Size()))))
		if f.of = formWithin(t.Elem(), known); f.of.kind == formWhole {
			f.kind = formWhole // decoding it once is cheaper than decoding its parts
		}
	case formStruct:
		f.fillFields(known)
	default: // has no parts
	}
	return f
}

func formKindOf(t reflect.Type) formKind {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return formTime
	case decodesItself(t):
		return formWhole
	}
	switch t.Kind() {
	case reflect.String:
		return formString
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return formInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return formUint
	case reflect.Float32, reflect.Float64:
		return formFloat
	case reflect.Bool:
		return formBool
	case reflect.Pointer:
		return formPointer
	case reflect.Struct:
		return formStruct
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 { // else it is base64
			return formSlice
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !decodesItself(t.Key()) {
			return formMap
		}
	default:
	}
	return formWhole
}

// decodesItself reports whether a type has a way of its own to be decoded.
func decodesItself(t reflect.Type) bool {
	for _, own := range []reflect.Type{
		reflect.TypeFor[json.UnmarshalerFrom](), reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if t.Implements(own) || reflect.PointerTo(t).Implements(own) {
			return true
		}
	}
	return false
}

// fillFields reads the fields of a struct. One with an embedded field, or with an option in a tag that changes how a field is
// decoded, is left to the JSON package.
func (f *form) fillFields(known map[reflect.Type]*form) {
	f.byName = map[string]int{}
	for i := range f.goType.NumField() {
		of := f.goType.Field(i)
		name, options, _ := strings.Cut(of.Tag.Get("json"), ",")
		if !of.IsExported() && !of.Anonymous || of.Tag.Get("json") == "-" {
			continue
		}
		if name == "" {
			name = of.Name
		}
		if _, taken := f.byName[name]; of.Anonymous || taken || strings.ContainsAny(name, `'"\`) || !isAboutEncoding(options) {
			f.kind, f.fields, f.byName = formWhole, nil, nil
			return
		}
		f.byName[name] = len(f.fields)
		f.fields = append(f.fields, field{name, i, formWithin(of.Type, known)})
	}
}

func isAboutEncoding(options string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option != "" && option != "omitempty" && option != "omitzero" {
			return false
		}
	}
	return true
}

// filling readies a container to be filled. It returns nil when there is nothing to fill.
func (w *walk) filling(f *form, kinds formKind, into reflect.Value) *form {
	switch {
	case f == nil || w.unfit || len(w.violations) > 0:
		return nil
	case f.kind&kinds == 0 || f.kind == formMap && !into.IsNil(): // a default: the JSON package knows how to merge
		w.unfit = true
		return nil
	case f.kind == formMap:
		into.Set(reflect.MakeMap(f.goType))
	case f.kind == formSlice:
		into.SetZero()
	}
	return f
}

// item makes room for the next item of a slice.
func (f *form) item(into reflect.Value, n int) (*form, reflect.Value) {
	if f == nil {
		return nil, reflect.Value{}
	}
	if n == into.Cap() {
		into.Grow(max(n, f.few))
	}
	into.SetLen(n + 1)
	return f.of, into.Index(n)
}

// finish makes an empty list of one without items: it is not null.
func (f *form) finish(into reflect.Value) {
	if f != nil && into.IsNil() {
		into.Set(reflect.MakeSlice(f.goType, 0, 0))
	}
}

// member is where a member goes; a map gets it by put. Most senders keep to the order of the fields: guess is where in it the
// member would be then.
func (f *form) member(name []byte, guess int, into reflect.Value) (*form, reflect.Value) {
	switch {
	case f == nil:
		return nil, reflect.Value{}
	case f.kind == formMap:
		return f.of, reflect.New(f.of.goType).Elem()
	}
	if guess >= len(f.fields) || f.fields[guess].name != string(name) {
		known := false
		if guess, known = f.byName[string(name)]; !known {
			return nil, reflect.Value{}
		}
	}
	return f.fields[guess].form, into.Field(f.fields[guess].index)
}

func (f *form) put(name []byte, into, value reflect.Value) {
	if f != nil && f.kind == formMap {
		into.SetMapIndex(reflect.ValueOf(string(name)).Convert(f.goType.Key()), value)
	}
}

// pointee is what a pointer points to, made if need be.
func (f *form) pointee(into reflect.Value) reflect.Value {
	if into.IsNil() {
		into.Set(reflect.New(f.of.goType))
	}
	return into.Elem()
}

// fillWhole checks the next value and has the JSON package decode it.
func (w *walk) fillWhole(n *node, into reflect.Value) {
	start := w.at
	w.value(n, nil, reflect.Value{})
	if w.broken || w.unfit || len(w.violations) > 0 {
		return
	}
	err := decodeChecked(w.document[start:w.at], into.Addr().Interface())
	w.unfit = err != nil
}

func (w *walk) fillText(f *form, text []byte, into reflect.Value) {
	switch {
	case f == nil || w.unfit || len(w.violations) > 0:
	case f.kind == formString:
		into.SetString(w.texts.add(text, len(w.document)-w.at))
	case f.kind == formTime:
		w.unfit = into.Addr().Interface().(*time.Time).UnmarshalText(text) != nil //nolint:forcetypeassert // the form says so
	default:
		w.unfit = true
	}
}

// texts makes strings that share memory where they are short: one allocation for many.
type texts struct{ shared strings.Builder }

// What shares memory is kept as a whole for as long as one string of it is: so it is not much, in bytes.
const (
	sharedMemory = 1 << 10
	sharedText   = 256
)

// add returns a text as a string. The document has no more than rest bytes to come that may want to share.
func (t *texts) add(text []byte, rest int) string {
	if len(text) > sharedText {
		return string(text)
	}
	if t.shared.Len()+len(text) > t.shared.Cap() {
		t.shared = strings.Builder{}
		t.shared.Grow(min(sharedMemory, len(text)+rest))
	}
	start := t.shared.Len()
	_, _ = t.shared.Write(text)
	return t.shared.String()[start:]
}

func (w *walk) fillNumber(f *form, digits []byte, into reflect.Value) {
	if f == nil || w.unfit || len(w.violations) > 0 {
		return
	}
	var err error
	switch f.kind {
	case formInt:
		var number int64
		number, err = strconv.ParseInt(string(digits), 10, f.goType.Bits())
		into.SetInt(number)
	case formUint:
		var number uint64
		if string(digits) != "-0" {
			number, err = strconv.ParseUint(string(digits), 10, f.goType.Bits())
		}
		into.SetUint(number)
	case formFloat:
		var number float64
		number, err = strconv.ParseFloat(string(digits), f.goType.Bits())
		into.SetFloat(number)
	default:
		w.unfit = true
	}
	w.unfit = w.unfit || err != nil
}

// fillOther takes null, true, false, and what a schema allows and the form does not know.
func (w *walk) fillOther(f *form, kind kinds, value []byte, into reflect.Value) {
	switch {
	case f == nil || w.unfit || len(w.violations) > 0:
	case kind == isNull:
		into.SetZero()
	case kind == isBool && f.kind == formBool:
		into.SetBool(value[0] == 't')
	default:
		w.unfit = true
	}
}
