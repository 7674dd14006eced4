package framework

import (
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Number is a JSON number as it was written: a 64-bit id is not rounded, 3 does not become 3e+00, and 1e999 is no error.
type Number string

// Value is the number as an int where it is one and fits, else as a float64, else, beyond its range, as the text.
func (n Number) Value() any {
	if whole, err := strconv.Atoi(string(n)); err == nil {
		return whole
	}
	if f, err := strconv.ParseFloat(string(n), 64); err == nil && !math.IsInf(f, 0) {
		return f
	}
	return string(n)
}

// MarshalJSONTo writes the number.
func (n Number) MarshalJSONTo(encoder *jsontext.Encoder) error {
	return encoder.WriteValue(jsontext.Value(n))
}

// DecodeData decodes an event's data, with every number as a Number. Data that is not JSON is a permanent ServiceError:
// what is stored does not change.
func DecodeData(data JSON) (any, error) {
	numbers := json.UnmarshalFromFunc(func(decoder *jsontext.Decoder, value *any) error {
		if decoder.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		number, err := decoder.ReadValue()
		*value = Number(number)
		return err
	})
	var decoded any
	if err := json.Unmarshal(data, &decoded, json.WithUnmarshalers(numbers)); err != nil {
		return nil, &ServiceError{Service: "event", Op: "decode its data", Reason: "it is not JSON", Permanent: true, Err: err}
	}
	return decoded, nil
}
