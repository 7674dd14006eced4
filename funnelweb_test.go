package funnelweb_test

import (
	"testing"

	"funnelweb"
	"funnelweb/framework"
)

func TestPartsAreListedOnceEach(t *testing.T) {
	registry := framework.NewRegistry()
	funnelweb.Parts(registry)
	if err := registry.Err(); err != nil {
		t.Fatal(err)
	}
	funnelweb.Parts(registry)
	if registry.Err() == nil {
		t.Error("parts that are listed twice are no mistake")
	}
}
