package framework

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

type small int8

type numbers struct {
	Small  small             `json:"small"`
	Int16  *int16            `json:"int16"`
	Int32s []int32           `json:"int32s"`
	Int64  int64             `json:"int64"`
	Uint8  uint8             `json:"uint8" minimum:"1"`
	Uint16 map[string]uint16 `json:"uint16"`
	Uint32 Open[struct {
		N uint32 `json:"n"`
	}] `json:"uint32"`
	Uint64 uint64  `json:"uint64"`
	Single float32 `json:"single" exclusiveMaximum:"10"`
	Double float64 `json:"double"`
}

func TestTheDocumentPublishesWhatGoTypesCanHold(t *testing.T) {
	s := newSchemas()
	schema, _, err := s.ofType(reflect.TypeFor[numbers](), "numbers")
	if err != nil {
		t.Fatal(err)
	}
	published, err := json.Marshal(s.registry.SchemaFromRef(schema.Ref).Properties, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{ // members in the order of their names
		`{"double":{"format":"double","type":"number"}`,
		`"int16":{"format":"int32","maximum":32767,"minimum":-32768,"type":["integer","null"]}`,
		`"int32s":{"items":{"format":"int32","maximum":2147483647,"minimum":-2147483648,"type":"integer"},"type":"array"}`,
		`"int64":{"format":"int64","type":"integer"}`,
		`"single":{"exclusiveMaximum":10,"format":"float","maximum":3.4028235e+38,"minimum":-3.4028235e+38,"type":"number"}`,
		`"small":{"format":"int32","maximum":127,"minimum":-128,"type":"integer"}`,
		`"uint16":{"additionalProperties":{"format":"int32","maximum":65535,"minimum":0,"type":"integer"},"type":"object"}`,
		`"uint32":{"additionalProperties":true,"properties":{"n":{"format":"uint32","maximum":4294967295,"minimum":0,"type":"integer"}},"required":["n"],"type":"object"}`,
		`"uint64":{"format":"uint64","minimum":0,"type":"integer"}`,
		`"uint8":{"format":"int32","maximum":255,"minimum":1,"type":"integer"}}`,
	}, ",")
	if diff := cmp.Diff(want, string(published)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatANumberMayBeIsWhatItsTypeHolds asks the check and the decoder about the same numbers, at both ends of every range.
func TestWhatANumberMayBeIsWhatItsTypeHolds(t *testing.T) {
	numbers := []string{"0", "-1", "1.5e38", "-1.5e38", "3.4028235e38", "-3.4028235e38", "3.4028236e38", "3.5e38", "1e39", "1.7976931348623157e308", "1.8e308", "-1e400", "1e-50", "5e-324", "0e-999", "-0", "1e-500", "-1e-500"}
	for bits := 7; bits <= 64; bits++ {
		if bits%8 != 0 && bits%8 != 7 {
			continue
		}
		end := uint64(1)<<bits - 1 // all of them when 64
		numbers = append(numbers, strconv.FormatUint(end, 10), "-"+strconv.FormatUint(end, 10))
		if end != math.MaxUint64 {
			numbers = append(numbers, strconv.FormatUint(end+1, 10), "-"+strconv.FormatUint(end+1, 10), "-"+strconv.FormatUint(end+2, 10))
		}
	}
	numbers = append(numbers, "18446744073709551616", "36893488147419103232")
	for _, of := range []reflect.Type{
		reflect.TypeFor[small](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](), reflect.TypeFor[int](), reflect.TypeFor[uint](),
		reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[uint8](),
	} {
		_, n, err := newSchemas().ofType(of, "number")
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, number := range numbers {
			violations, _, err := n.check([]byte(number), Reject)
			into := reflect.New(of)
			decoded := decodeChecked([]byte(number), into.Interface())
			if tooSmall := strings.HasSuffix(number, "1e-500"); tooSmall {
				decoded = errors.New("the decoder makes 0 of it, which is not what was sent")
			}
			if isWhole := !strings.ContainsAny(number, ".e"); err != nil || (decoded == nil) != (len(violations) == 0) && (isWhole || of.Kind() == reflect.Float32 || of.Kind() == reflect.Float64) {
				t.Errorf("%s as %s: decoding says %v, the check %v %v", number, of, decoded, violations, err)
			}
			if decoded == nil {
				held++
			}
			filled := reflect.New(of).Elem()
			if _, ok, _ := n.fill([]byte(number), Reject, formOf(of), filled); ok != (decoded == nil) || ok && filled.Interface() != into.Elem().Interface() {
				t.Errorf("%s as %s is filled: %t %v, decoded as %v", number, of, ok, filled, into.Elem())
			}
		}
		if held == 0 || held == len(numbers) {
			t.Errorf("%s holds %d of %d numbers", of, held, len(numbers))
		}
	}
}
