package framework

import "testing"

func TestOnlyHeadersThatArriveCanBeAskedFor(t *testing.T) {
	for name, want := range map[string]string{
		"X-Api-Token":       "",
		"x-hub-signature":   "",
		"":                  "not the name of a header",
		"X Api":             "not the name of a header",
		"X-Api:\r\nX":       "not the name of a header",
		"Schlüssel":         "not the name of a header",
		"host":              "Host is about the connection; it never gets here",
		"transfer-encoding": "Transfer-Encoding is about the connection; it never gets here",
		"TE":                "Te is about the connection; it never gets here",
	} {
		got := ""
		if err := CheckHeader(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
