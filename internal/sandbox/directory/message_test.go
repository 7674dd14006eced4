package directory

import (
	"bufio"
	"bytes"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// FuzzRequest reads what a client sends: it never panics, and what it takes for a search can be carried out.
func FuzzRequest(f *testing.F) {
	for _, filter := range []string{
		"(cn=x)", "(&(a=b)(|(c=d*e*f)(!(g=*))))", "(userAccountControl:1.2.840.113556.1.4.803:=2)", "(a>=1)", "(a~=1)",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=x,DC=lab,DC=example)", "(anr=jane doe)",
	} {
		compiled, err := ldap.CompileFilter(filter)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(searchMessage(compiled))
	}
	f.Add([]byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	all := testDomain(f)
	f.Fuzz(func(_ *testing.T, sent []byte) {
		asked, err := readRequest(bufio.NewReader(bytes.NewReader(sent)))
		if err != nil || asked.op.Tag != ldap.ApplicationSearchRequest {
			return
		}
		query, err := parseQuery(asked.op)
		if err != nil {
			return
		}
		if refused := query.use(asked.controls); refused.code != 0 {
			return
		}
		for _, e := range all.matches(query, all.base) {
			all.choose(e, query)
		}
		all.resolve(query.base)
	})
}

func searchMessage(filter *ber.Packet) []byte {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchRequest, nil, "")
	body.AppendChild(octetString("DC=lab,DC=example"))
	for _, number := range []int64{2, 0} {
		body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, number, ""))
	}
	for range 2 {
		body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(0), ""))
	}
	body.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	body.AppendChild(filter)
	wanted := ber.NewSequence("")
	wanted.AppendChild(octetString("member;range=0-1"))
	body.AppendChild(wanted)
	return envelope(1, body, pagingControl("")).Bytes()
}
