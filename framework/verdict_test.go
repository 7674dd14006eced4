package framework

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// judgement is where the judge has found something wrong.
type judgement struct {
	pointer string
	wrong   bool // of the kind that tells a schema from its alternatives: the type of the value, or its discriminator
	repeats bool // the item repeats an earlier one, the first of its list that does
}

// placesOf lists the places that a verdict names, as we name them.
func placesOf(verdict error) []judgement {
	if verdict == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](verdict)
	if !ok {
		return []judgement{{pointer: "the judge has failed: " + verdict.Error()}}
	}
	at := pointerOf(invalid.InstanceLocation)
	below := func(names []string, missing bool) (all []judgement) {
		for _, name := range names {
			all = append(all, judgement{pointer: pointerOf(append(slices.Clone(invalid.InstanceLocation), name)), wrong: missing && name == "type"})
		}
		return all
	}
	switch broken := invalid.ErrorKind.(type) {
	case *kind.OneOf:
		return alternatives(at, invalid.Causes)
	case *kind.Required:
		return below(broken.Missing, true)
	case *kind.AdditionalProperties:
		return below(broken.Properties, false)
	case *kind.UniqueItems:
		return []judgement{{pointer: at + "/" + strconv.Itoa(broken.Duplicates[1]), repeats: true}}
	case *kind.Type, *kind.Const:
		return []judgement{{pointer: at, wrong: true}}
	}
	if len(invalid.Causes) == 0 {
		return []judgement{{pointer: at}}
	}
	var all []judgement
	for _, cause := range invalid.Causes {
		all = append(all, placesOf(cause)...)
	}
	return all
}

// alternatives takes of several schemas the one that the value is meant for, which the type of the value tells, or its
// discriminator. With none, that is what is wrong.
func alternatives(at string, causes []*jsonschema.ValidationError) []judgement {
	told := judgement{pointer: at, wrong: true}
	for _, cause := range causes {
		places := placesOf(cause)
		wrong := slices.IndexFunc(places, func(p judgement) bool { return p.wrong && (p.pointer == at || p.pointer == at+"/type") })
		if wrong < 0 {
			return places
		}
		if len(places[wrong].pointer) > len(told.pointer) {
			told = places[wrong]
		}
	}
	return []judgement{told}
}

func pointerOf(location []string) string {
	var pointer jsontext.Pointer
	for _, token := range location {
		pointer = pointer.AppendToken(token)
	}
	return string(pointer)
}

// valueAt finds a value in what the judge has read.
func valueAt(value any, pointer string) any {
	for token := range jsontext.Pointer(pointer).Tokens() {
		switch container := value.(type) {
		case map[string]any:
			value = container[token]
		case []any:
			i, _ := strconv.Atoi(token)
			value = container[i]
		}
	}
	return value
}

// shrunk replaces numbers of great exponents, with which the judge would compute for very long: equal ones by equal ones, and others by
// others, all of them as far out of the range of a float64.
func shrunk(value any, seen map[string]int) any {
	switch value := value.(type) {
	case stdjson.Number:
		return shrunkNumber(value, seen)
	case []any:
		for i := range value {
			value[i] = shrunk(value[i], seen)
		}
	case map[string]any:
		for name := range value {
			value[name] = shrunk(value[name], seen)
		}
	}
	return value
}

func shrunkNumber(number stdjson.Number, seen map[string]int) stdjson.Number {
	mantissa, power, _ := strings.Cut(strings.ToLower(string(number)), "e")
	exponent, ok := new(big.Int).SetString(strings.TrimPrefix(power, "+"), 10)
	if !ok || exponent.IsInt64() && exponent.Int64() < 1000 && exponent.Int64() > -1000 {
		return number
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return "0"
	}
	exponent.Add(exponent, big.NewInt(int64(len(digits)-len(trimmed)-len(fraction))))
	key := exponent.String()
	if _, known := seen[key]; !known {
		seen[key] = 5000 * (1 + len(seen))
	}
	sign := ""
	if negative {
		sign = "-"
	}
	return stdjson.Number(fmt.Sprintf("%s%se%d", sign, trimmed, exponent.Sign()*seen[key]))
}
