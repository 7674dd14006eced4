package ratelimit

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// Rate is a number of calls in a length of time.
type Rate struct {
	Count int           `yaml:"count"` // 1 to 1,000,000,000
	Per   time.Duration `yaml:"per"`   // 1s to a year
}

var errRate = errors.New("a rate is written as 10/s, 600/m, 1000/h or 5000/d, or as {count: 10, per: 1s}")

// UnmarshalYAML reads either form.
func (r *Rate) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		parsed, err := parseRate(node.Value)
		*r = parsed
		return err
	}
	type plain Rate // without this method
	return node.Load((*plain)(r), yaml.WithKnownFields())
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
