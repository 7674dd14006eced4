package directory

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// maxMessage bounds a request in bytes. Active Directory's own bound is 10 MB (MaxReceiveBuffer).
const maxMessage = 1 << 20

var errMessage = errors.New("malformed LDAP message")

// request is an LDAPMessage from the client (RFC 4511 section 4.1.1).
type request struct {
	id       int64
	op       *ber.Packet
	controls []control
}

// control is a control of a request, or of an answer.
type control struct {
	oid      string
	critical bool
	value    string
}

// readRequest reads one message. The error is io.EOF when the client left between two.
func readRequest(reader *bufio.Reader) (request, error) {
	raw, err := readElement(reader)
	if err != nil {
		return request{}, err
	}
	packet, err := ber.DecodePacketErr(raw)
	if err != nil {
		return request{}, fmt.Errorf("%w: %w", errMessage, err)
	}
	return parseRequest(packet)
}

// readElement reads the bytes of one BER sequence, so that its length is known before anything is decoded.
func readElement(reader *bufio.Reader) ([]byte, error) {
	const sequence, long, maxLengthBytes = 0x30, 0x80, 4
	header := make([]byte, 2, 2+maxLengthBytes)
	if _, err := io.ReadFull(reader, header); err != nil {
		return nil, err
	}
	if header[0] != sequence {
		return nil, errMessage
	}
	length := int(header[1])
	if header[1]&long != 0 {
		count := int(header[1] &^ long)
		if count == 0 || count > maxLengthBytes {
			return nil, errMessage
		}
		header = header[:2+count]
		if _, err := io.ReadFull(reader, header[2:]); err != nil {
			return nil, err
		}
		length = 0
		for _, b := range header[2:] {
			length = length<<8 | int(b)
		}
	}
	if length > maxMessage {
		return nil, fmt.Errorf("%w: %d bytes are too long", errMessage, length)
	}
	element := make([]byte, len(header)+length)
	copy(element, header)
	_, err := io.ReadFull(reader, element[len(header):])
	return element, err
}

func parseRequest(packet *ber.Packet) (request, error) {
	if len(packet.Children) < 2 || len(packet.Children) > 3 {
		return request{}, errMessage
	}
	id, ok := packet.Children[0].Value.(int64)
	if !ok || id < 1 || packet.Children[1].ClassType != ber.ClassApplication {
		return request{}, errMessage
	}
	parsed := request{id: id, op: packet.Children[1]}
	if len(packet.Children) == 3 {
		for _, child := range packet.Children[2].Children {
			one, err := parseControl(child)
			if err != nil {
				return request{}, err
			}
			parsed.controls = append(parsed.controls, one)
		}
	}
	return parsed, nil
}

func parseControl(packet *ber.Packet) (control, error) {
	if len(packet.Children) == 0 {
		return control{}, errMessage
	}
	parsed := control{oid: packet.Children[0].Data.String()}
	for _, child := range packet.Children[1:] {
		switch value := child.Value.(type) {
		case bool:
			parsed.critical = value
		case string:
			parsed.value = value
		default:
			return control{}, errMessage
		}
	}
	return parsed, nil
}

// result is an LDAPResult (RFC 4511 section 4.1.9). The zero value is success.
type result struct {
	code      int
	matchedDN string
	message   string
	referral  string
}

// encode makes a message with a result.
func (r result) encode(id int64, op ber.Tag, controls ...control) *ber.Packet {
	return envelope(id, r.body(op), controls...)
}

// extended makes an answer with a value to an extended request.
func (r result) extended(value string) *ber.Packet {
	body := r.body(ldap.ApplicationExtendedResponse)
	body.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, value, ""))
	return body
}

func (r result) body(op ber.Tag) *ber.Packet {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "")
	body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(r.code), ""))
	body.AppendChild(octetString(r.matchedDN))
	body.AppendChild(octetString(r.message))
	if r.referral != "" {
		referral := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
		referral.AppendChild(octetString(r.referral))
		body.AppendChild(referral)
	}
	return body
}

func envelope(id int64, body *ber.Packet, controls ...control) *ber.Packet {
	packet := ber.NewSequence("")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	packet.AppendChild(body)
	if len(controls) == 0 {
		return packet
	}
	list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	for _, one := range controls {
		sequence := ber.NewSequence("")
		sequence.AppendChild(octetString(one.oid))
		sequence.AppendChild(octetString(one.value))
		list.AppendChild(sequence)
	}
	packet.AppendChild(list)
	return packet
}

func octetString(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}

// encodeEntry makes a SearchResultEntry.
func encodeEntry(id int64, dn string, attributes []attribute) *ber.Packet {
	list := ber.NewSequence("")
	for _, one := range attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range one.values {
			values.AppendChild(octetString(value))
		}
		pair := ber.NewSequence("")
		pair.AppendChild(octetString(one.name))
		pair.AppendChild(values)
		list.AppendChild(pair)
	}
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	body.AppendChild(octetString(dn))
	body.AppendChild(list)
	return envelope(id, body)
}

// encodeReference makes a SearchResultReference.
func encodeReference(id int64, url string) *ber.Packet {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultReference, nil, "")
	body.AppendChild(octetString(url))
	return envelope(id, body)
}
