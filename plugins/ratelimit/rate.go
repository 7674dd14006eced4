package ratelimit

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// Rate is a number of calls in a length of time.
type Rate struct {
	Count int           `yaml:"count"` // at least 1, and at most 1,000,000 a second
	Per   time.Duration `yaml:"per"`   // whole seconds, 1s to a year
}

// Number is a whole number of at least 1. It is 0 when it was left out, which cannot be written: nothing would pass.
type Number int

// UnmarshalYAML refuses what is less than 1.
func (n *Number) UnmarshalYAML(node *yaml.Node) error {
	if err := node.Load((*int)(n)); err != nil || *n < 1 {
		return errNumber
	}
	return nil
}

var errNumber = errors.New("has to be a whole number of at least 1; leave it out for the usual one")

var errRate = errors.New("a rate is written as 10/s, 600/m, 1000/h or 5000/d, or as {count: 10, per: 1s}; for less than one in that time, as {count: 1, per: 90s}")

// UnmarshalYAML reads either form.
func (r *Rate) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		parsed, err := parseRate(node.Value)
		*r = parsed
		return err
	}
	type plain Rate // without this method
	if err := node.Load((*plain)(r), yaml.WithKnownFields()); err != nil {
		return err
	}
	if r.Count == 0 || r.Per == 0 {
		return errors.New("count: and per: are needed, both more than nothing")
	}
	return nil
}

// check refuses rates that the headers of an answer could not tell, and those that a whole number of nanoseconds
// between two calls would miss by much.
func (r Rate) check() error {
	switch {
	case r.Count < 1:
		return errors.New("rate: at least one call")
	case r.Per < time.Second || r.Per > maxWindow || r.Per%time.Second != 0:
		return errors.New("rate: per is whole seconds, from 1s to a year")
	case int64(r.Count) > int64(r.Per/time.Second)*maxPerSecond:
		return fmt.Errorf("rate: at most %d calls a second", maxPerSecond)
	default:
		return nil
	}
}

var writtenRate = regexp.MustCompile(`^([0-9]{1,9})/([smhd])$`)

func parseRate(text string) (Rate, error) {
	match := writtenRate.FindStringSubmatch(text)
	if match == nil {
		return Rate{}, errRate
	}
	count, err := strconv.Atoi(match[1])
	if err != nil || count == 0 {
		return Rate{}, errRate
	}
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	return Rate{Count: count, Per: per[match[2]]}, nil
}
