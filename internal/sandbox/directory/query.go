package directory

import (
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// query is a SearchRequest (RFC 4511 section 4.5.1).
type query struct {
	base      string
	scope     int
	sizeLimit int
	typesOnly bool
	filter    filter
	wanted    []string

	pageSize int // 0: not paged
	cookie   string
	paged    bool
	here     bool // the client wants no references to other naming contexts
}

func parseQuery(packet *ber.Packet) (query, error) {
	if len(packet.Children) != 8 {
		return query{}, errMessage
	}
	field := packet.Children
	scope, scopeOK := field[1].Value.(int64)
	size, sizeOK := field[3].Value.(int64)
	typesOnly, typesOK := field[5].Value.(bool)
	if !scopeOK || scope < 0 || scope > 2 || !sizeOK || size < 0 || !typesOK {
		return query{}, errMessage
	}
	parsed := query{
		base: field[0].Data.String(), scope: int(scope), typesOnly: typesOnly,
		sizeLimit: int(min(size, 1<<30)),
	}
	for _, one := range field[7].Children {
		parsed.wanted = append(parsed.wanted, one.Data.String())
	}
	var err error
	parsed.filter, err = parseFilter(field[6], 0)
	return parsed, err
}

// use takes the controls in.
func (q *query) use(controls []control) (refused result) {
	const showDeleted = "1.2.840.113556.1.4.417"
	for _, one := range controls {
		switch one.oid {
		case ldap.ControlTypePaging:
			if !q.parsePaging(one.value) {
				return result{code: ldap.LDAPResultProtocolError, message: "the value of the paging control is malformed"}
			}
		case ldap.ControlTypeMicrosoftDomainScope:
			q.here = true
		case ldap.ControlTypeManageDsaIT, ldap.ControlTypeMicrosoftSDFlags, showDeleted: // nothing here depends on them
		default:
			if one.critical {
				return result{
					code:    ldap.LDAPResultUnavailableCriticalExtension,
					message: "00000057: LdapErr: DSID-0C090A3A, comment: Error processing control, data 0, v4563",
				}
			}
		}
	}
	// A page that holds all that is asked for is no page (RFC 2696 section 3).
	if q.paged && q.sizeLimit > 0 && q.pageSize >= q.sizeLimit && q.cookie == "" {
		q.paged = false
	}
	return result{}
}

func (q *query) parsePaging(value string) bool {
	packet, err := ber.DecodePacketErr([]byte(value))
	if err != nil || len(packet.Children) != 2 {
		return false
	}
	size, ok := packet.Children[0].Value.(int64)
	if !ok || size < 0 {
		return false
	}
	q.paged, q.pageSize, q.cookie = true, int(min(size, maxPage)), packet.Children[1].Data.String()
	return true
}

// pagingControl tells the client how to go on; without a cookie there is nothing more.
func pagingControl(cookie string) control {
	value := ber.NewSequence("")
	value.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(0), "")) // no estimate
	value.AppendChild(octetString(cookie))
	return control{oid: ldap.ControlTypePaging, value: string(value.Bytes())}
}

func (q *query) wants(attribute string) bool {
	return slices.ContainsFunc(q.wanted, func(one string) bool { return strings.EqualFold(one, attribute) })
}
