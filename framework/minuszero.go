package framework

import (
	"bytes"
	"errors"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeChecked decodes a document that was checked, repeated names included: this pass need not look for them again. To JSON
// Schema -0 is 0, and an integer that is not negative; the JSON package refuses it there, and is then told better.
func decodeChecked(document []byte, into any) error {
	unique := jsontext.AllowDuplicateNames(true)
	err := json.Unmarshal(document, into, unique)
	if err == nil || !bytes.Contains(document, []byte("-0")) {
		return err
	}
	return json.Unmarshal(document, into, unique, json.WithUnmarshalers(json.UnmarshalFromFunc(readMinusZero)))
}

// readMinusZero is asked about every value, and takes those of unsigned integers.
func readMinusZero(decoder *jsontext.Decoder, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || !target.Elem().CanUint() || decoder.PeekKind() != '0' || decodesItself(target.Type().Elem()) {
		return errors.ErrUnsupported
	}
	value, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	if string(value) == "-0" {
		target.Elem().SetUint(0)
		return nil
	}
	return json.Unmarshal(value, into)
}
