package directory_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/directory"
)

func TestItRefusesWhatADomainControllerRefuses(t *testing.T) {
	server := start(t, directory.Options{})
	search := func(base string, controls ...ldap.Control) func(*ldap.Conn) error {
		return func(conn *ldap.Conn) error {
			query := request(base, "(objectClass=*)")
			query.Controls = controls
			_, err := conn.Search(query)
			return err
		}
	}
	bad := ldap.NewControlString(ldap.ControlTypePaging, true, "nonsense")
	for name, one := range map[string]struct {
		try   func(*ldap.Conn) error
		code  int
		words string
	}{
		"a base that is not there":      {search("OU=Nowhere," + base), ldap.LDAPResultNoSuchObject, "0000208D: NameErr"},
		"a base that is no name":        {search("nonsense"), ldap.LDAPResultInvalidDNSyntax, "BAD_NAME"},
		"another domain":                {search("DC=other,DC=example"), ldap.LDAPResultReferral, "0000202B: RefErr"},
		"the server itself, in depth":   {search(""), ldap.LDAPResultNoSuchObject, "NO_OBJECT"},
		"a critical control, unknown":   {search(base, ldap.NewControlString("1.2.3", true, "")), ldap.LDAPResultUnavailableCriticalExtension, "Error processing control"},
		"a paging control that is none": {search(base, bad), ldap.LDAPResultProtocolError, "malformed"},
		"adding": {func(conn *ldap.Conn) error {
			return conn.Add(&ldap.AddRequest{DN: "CN=New," + base, Attributes: []ldap.Attribute{{Type: "objectClass", Vals: []string{"user"}}}})
		}, ldap.LDAPResultInsufficientAccessRights, "INSUFF_ACCESS_RIGHTS"},
		"changing": {func(conn *ldap.Conn) error {
			change := ldap.NewModifyRequest("CN=Jane Doe,OU=Staff,"+base, nil)
			change.Replace("title", []string{"Director"})
			return conn.Modify(change)
		}, ldap.LDAPResultInsufficientAccessRights, "INSUFF_ACCESS_RIGHTS"},
		"deleting": {func(conn *ldap.Conn) error { return conn.Del(ldap.NewDelRequest("CN=Jane Doe,OU=Staff,"+base, nil)) }, ldap.LDAPResultInsufficientAccessRights, "INSUFF_ACCESS_RIGHTS"},
		"renaming": {func(conn *ldap.Conn) error {
			return conn.ModifyDN(ldap.NewModifyDNRequest("CN=Jane Doe,OU=Staff,"+base, "CN=Jane Roe", true, ""))
		}, ldap.LDAPResultInsufficientAccessRights, "INSUFF_ACCESS_RIGHTS"},
		"comparing": {func(conn *ldap.Conn) error {
			_, err := conn.Compare("CN=Jane Doe,OU=Staff,"+base, "title", "x")
			return err
		}, ldap.LDAPResultInsufficientAccessRights, "INSUFF_ACCESS_RIGHTS"},
		"an extended operation, unknown": {func(conn *ldap.Conn) error {
			_, err := conn.PasswordModify(ldap.NewPasswordModifyRequest("", "old", "new"))
			return err
		}, ldap.LDAPResultProtocolError, "Unknown extended request OID"},
	} {
		t.Run(name, func(t *testing.T) {
			err := one.try(login(t, server))
			if code(err) != one.code || !strings.Contains(err.Error(), one.words) {
				t.Errorf("%v, want code %d with %q", err, one.code, one.words)
			}
		})
	}
}

func TestNothingIsToldToThoseWhoDidNotLogIn(t *testing.T) {
	server := start(t, directory.Options{})
	for name, enter := range map[string]func(*ldap.Conn) error{
		"without a bind":          func(*ldap.Conn) error { return nil },
		"after an anonymous bind": func(conn *ldap.Conn) error { return conn.UnauthenticatedBind("") },
		"with a name and no password": func(conn *ldap.Conn) error {
			return conn.UnauthenticatedBind(server.BindDN())
		},
		"after a bind that failed, even after one that did not": func(conn *ldap.Conn) error {
			if err := conn.Bind(server.BindDN(), bindPassword); err != nil {
				return err
			}
			if err := conn.Bind(server.BindDN(), "wrong"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
				return errors.New("the second bind was taken")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, server)
			if err := enter(conn); err != nil {
				t.Fatal(err)
			}
			_, err := conn.Search(request(base, "(objectClass=*)"))
			if code(err) != ldap.LDAPResultOperationsError || !strings.Contains(err.Error(), "a successful bind must be completed") {
				t.Errorf("%v", err)
			}
			if who, err := conn.WhoAmI(nil); err != nil || who.AuthzID != "" {
				t.Errorf("who am I: %v, %v", who, err)
			}
			if err := conn.Del(ldap.NewDelRequest("CN=Jane Doe,OU=Staff,"+base, nil)); code(err) != ldap.LDAPResultOperationsError {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

func TestAPasswordIsOnlyTakenOverTLS(t *testing.T) {
	server := start(t, directory.Options{})
	conn := plain(t, server.StartTLSURL())
	if err := conn.Bind(server.BindDN(), bindPassword); code(err) != ldap.LDAPResultStrongAuthRequired {
		t.Errorf("before StartTLS: %v", err)
	}
	if err := conn.StartTLS(trust(server)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Bind(server.BindDN(), bindPassword); err != nil {
		t.Errorf("after StartTLS: %v", err)
	}
	if who, err := conn.WhoAmI(nil); err != nil || who.AuthzID != `u:LAB\svc-funnelweb` {
		t.Errorf("who am I: %v, %v", who, err)
	}
}

func TestTLSIsNotPutOverTLS(t *testing.T) {
	server := start(t, directory.Options{})
	conn, err := tls.Dial("tcp", strings.TrimPrefix(server.URL(), "ldaps://"), trust(server))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(message(1, startTLS())); err != nil {
		t.Fatal(err)
	}
	if got := resultCode(t, conn); got != ldap.LDAPResultOperationsError {
		t.Errorf("code %d", got)
	}
}

func TestWhatIsSentBeforeTheHandshakeIsNotTakenAsEncrypted(t *testing.T) {
	server := start(t, directory.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.StartTLSURL(), "ldap://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// A man in the middle adds a request of his own in front of the handshake.
	if _, err := conn.Write(append(message(1, startTLS()), message(2, anonymousBind(3))...)); err != nil {
		t.Fatal(err)
	}
	if got := resultCode(t, conn); got != ldap.LDAPResultOperationsError {
		t.Errorf("StartTLS: code %d", got)
	}
}

func TestBindsOfAnotherKindAreRefused(t *testing.T) {
	server := start(t, directory.Options{})
	sasl := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "")
	sasl.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, ""))
	sasl.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	mechanism := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
	mechanism.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "GSSAPI", ""))
	sasl.AppendChild(mechanism)
	for name, one := range map[string]struct {
		bind *ber.Packet
		code int64
	}{
		"LDAP version 2": {anonymousBind(2), ldap.LDAPResultProtocolError},
		"SASL":           {sasl, ldap.LDAPResultAuthMethodNotSupported},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.StartTLSURL(), "ldap://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write(message(1, one.bind)); err != nil {
				t.Fatal(err)
			}
			if got := resultCode(t, conn); got != one.code {
				t.Errorf("code %d, want %d", got, one.code)
			}
		})
	}
}

func TestAClientThatDoesNotSpeakLDAPIsCutOff(t *testing.T) {
	server := start(t, directory.Options{})
	unknown := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 30, nil, "")
	half := message(1, anonymousBind(3))
	for name, sent := range map[string][]byte{
		"HTTP":                             []byte("GET / HTTP/1.1\r\nHost: dc1\r\n\r\n"),
		"a message that is too long":       {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"a message without end":            {0x30, 0x80, 0x02, 0x01, 0x01},
		"an operation that nobody knows":   message(1, unknown),
		"a message with the number 0":      message(0, anonymousBind(3)),
		"a bind without its parts":         message(1, ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "")),
		"an extended request without name": message(1, ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")),
		"sequences, a thousand deep":       nested(1100),
		"a length that lies":               append([]byte{0x30, byte(len(half))}, half...),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.StartTLSURL(), "ldap://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if answer, err := io.ReadAll(conn); err != nil && !errors.Is(err, syscall.ECONNRESET) || len(answer) > 0 {
				t.Errorf("%x, %v", answer, err)
			}
		})
	}
	if _, err := login(t, server).Search(request(base, "(cn=Jane Doe)")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestItRemembersWhatWasAskedAndForgetsPasswords(t *testing.T) {
	const canary = "canary-in-a-password"
	log := &frameworktest.Log{}
	server := start(t, directory.Options{Log: log.Logger(), BindPassword: framework.NewSecret(canary)})
	conn := dial(t, server)
	failed := conn.Bind(server.BindDN(), canary+"-wrong")
	if err := conn.Bind(server.BindDN(), canary); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Search(request(base, "(cn=Jane Doe)")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Del(ldap.NewDelRequest("CN=Jane Doe,OU=Staff,"+base, nil)); err == nil {
		t.Error("deleted Jane")
	}
	want := []directory.Operation{
		{Name: "bind", Target: server.BindDN(), Code: ldap.LDAPResultInvalidCredentials},
		{Name: "bind", Target: server.BindDN()},
		{Name: "search", Target: base},
		{Name: "delete", Code: ldap.LDAPResultInsufficientAccessRights},
	}
	if diff := cmp.Diff(want, server.Operations()); diff != "" {
		t.Error(diff)
	}
	frameworktest.LeaksNoSecret(t, canary, log.String(), failed.Error())
	if !strings.Contains(log.String(), "directory operation") {
		t.Errorf("nothing was logged: %s", log.String())
	}
}

func message(id int64, op *ber.Packet) []byte {
	packet := ber.NewSequence("")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	packet.AppendChild(op)
	return packet.Bytes()
}

func startTLS() *ber.Packet {
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	return request
}

func anonymousBind(version int64) *ber.Packet {
	bind := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, version, ""))
	bind.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	bind.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "", ""))
	return bind
}

func nested(depth int) []byte {
	packet := ber.NewSequence("")
	for range depth {
		around := ber.NewSequence("")
		around.AppendChild(packet)
		packet = around
	}
	return packet.Bytes()
}

// resultCode reads one answer.
func resultCode(t *testing.T, conn net.Conn) int64 {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	packet, err := ber.ReadPacket(conn)
	if err != nil {
		t.Fatal(err)
	}
	value, ok := packet.Children[1].Children[0].Value.(int64)
	if !ok {
		var shown bytes.Buffer
		ber.WritePacket(&shown, packet)
		t.Fatalf("no result: %s", shown.String())
	}
	return value
}
