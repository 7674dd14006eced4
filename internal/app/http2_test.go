package app_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
)

// The exceptions that docs/architecture.md names: what net/http says by itself on HTTP/2. Should it come to say less, the
// page can say less too.
func TestWhatNetHTTPSaysItselfOnHTTP2(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "  max_header_bytes: 1024")
	base, _ := start(t, text, nil)
	for name, test := range map[string]struct{ headers, want string }{
		"more than twice the bound on headers": {strings.Repeat(literal("x-a", strings.Repeat("x", 100)), 30), "<h1>HTTP Error 431</h1>"},
		"one of more than twice the bound":     {literal("x-a", strings.Repeat("x", 3000)), ""},
		"less than twice":                      {literal("x-a", strings.Repeat("x", 1500)), `"status":431`},
		"a header that HTTP/2 forbids":         {literal("connection", "close"), `request header "Connection" is not valid in HTTP/2`},
		"a proper call":                        {literal("x-a", "b"), `"status":"ok"`},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
			block := "\x82\x87" + literal(":path", "/status") + literal(":authority", "a") + test.headers
			call := frame(headersFrame, 1, block)
			call = call[:4] + "\x05" + call[5:] // END_STREAM and END_HEADERS
			if _, err := io.WriteString(conn, http2Preface+frame(settingsFrame, 0, "")+call); err != nil {
				t.Fatal(err)
			}
			if got := firstData(t, conn); !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("it says %q, want %q", got, test.want)
			}
		})
	}
}

// literal is a header that is not compressed (RFC 7541 section 6.2.2).
func literal(name, value string) string {
	text := "\x00" + string(rune(len(name))) + name
	if len(value) < 127 {
		return text + string(rune(len(value))) + value
	}
	return text + "\x7f" + string(binary.AppendUvarint(nil, uint64(len(value)-127))) + value
}

const dataFrame = 0

// firstData reads frames up to the first with data, and returns that; or nothing, when the connection is sent away.
func firstData(t *testing.T, conn net.Conn) string {
	t.Helper()
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		switch head[3] {
		case dataFrame:
			return string(payload)
		case goawayFrame:
			return ""
		}
	}
}
