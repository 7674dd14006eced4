package jira_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
