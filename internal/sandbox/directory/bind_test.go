package directory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/directory"
)

// bindAs tries a name and a password on a connection of its own, and returns the Windows error in the refusal: "" when it was
// let in.
func bindAs(t *testing.T, server *directory.Server, name, password string) string {
	t.Helper()
	err := dial(t, server).Bind(name, password)
	if err == nil {
		return ""
	}
	_, after, found := strings.Cut(err.Error(), "AcceptSecurityContext error, data ")
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) || !found {
		t.Fatalf("%s: %v", name, err)
	}
	data, _, _ := strings.Cut(after, ",")
	return data
}

// The numbers are those of winerror.h, in hex, as a domain controller says them.
func TestARefusedBindSaysWhyInWindowsNumbers(t *testing.T) {
	for _, test := range []struct{ name, who, password, want string }{
		{"all is well", `LAB\jdoe`, userPassword, ""},
		{"a wrong password", `LAB\jdoe`, "wrong", "52e"},
		{"nobody of that name", `LAB\nobody`, userPassword, "525"},
		{"nobody of that DN", "CN=Nobody,OU=Staff," + base, userPassword, "525"},
		{"a disabled account", "ddisabled@lab.example", userPassword, "533"},
		{"a disabled account, with a wrong password", "ddisabled@lab.example", "wrong", "52e"}, // which tells nothing of it
		{"a locked account", "llocked@lab.example", userPassword, "775"},
		{"an account that has expired", "eexpired@lab.example", userPassword, "701"},
		{"a password to be changed first", "mchange@lab.example", userPassword, "773"},
		{"an old password of somebody who may keep it", "nnever@lab.example", userPassword, ""},
		{"a group", "CN=Finance,OU=Groups," + base, userPassword, "525"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := bindAs(t, start(t, directory.Options{}), test.who, test.password); got != test.want {
				t.Errorf("data %q, want %q", got, test.want)
			}
		})
	}
}

func TestAUserIsNamedInEveryFormThatWindowsTakes(t *testing.T) {
	server := start(t, directory.Options{})
	for who, known := range map[string]bool{
		"CN=Jane Doe,OU=Staff," + base: true, "cn=jane doe,ou=staff," + strings.ToLower(base): true, "CN=Jane Doe, OU=Staff, " + base: true,
		"jdoe@lab.example": true, "JDOE@LAB.EXAMPLE": true, `LAB\jdoe`: true, `lab\JDOE`: true, `lab.example\jdoe`: true,
		"jdoe": false, "jdoe@other.example": false, `OTHER\jdoe`: false, `\jdoe`: false, "jdoe@": false, "Jane Doe": false, "jdoe@lab.example ": false,
		"CN=Jane Doe," + base: false, "CN=Jane*,OU=Staff," + base: false, `LAB\*`: false, "*": false,
	} {
		want := ""
		if !known {
			want = "525"
		}
		if got := bindAs(t, server, who, userPassword); got != want {
			t.Errorf("%q: data %q, want %q", who, got, want)
		}
	}
}

func TestTooManyWrongPasswordsLockAnAccountAndNoOther(t *testing.T) {
	server := start(t, directory.Options{})
	tries := 0
	for bindAs(t, server, `LAB\jdoe`, "wrong") != "775" {
		if tries++; tries > 100 {
			t.Fatal("it is never locked")
		}
	}
	if tries < 3 {
		t.Errorf("locked after %d wrong passwords", tries)
	}
	if got := bindAs(t, server, `LAB\jdoe`, userPassword); got != "775" {
		t.Errorf("the right password: data %q", got)
	}
	if got := bindAs(t, server, `LAB\mboss`, userPassword); got != "" {
		t.Errorf("somebody else: data %q", got)
	}
	found, err := login(t, server).Search(request(base, "(sAMAccountName=jdoe)", "lockoutTime", "msDS-User-Account-Control-Computed"))
	if err != nil || len(found.Entries) != 1 {
		t.Fatal(found, err)
	}
	if entry := found.Entries[0]; entry.GetAttributeValue("lockoutTime") == "0" || entry.GetAttributeValue("msDS-User-Account-Control-Computed") != "16" {
		t.Errorf("the account does not show it: %v", entry.Attributes)
	}
}

func TestARightPasswordForgivesTheWrongOnesBefore(t *testing.T) {
	server := start(t, directory.Options{})
	for range 20 {
		for range 2 {
			if got := bindAs(t, server, `LAB\jdoe`, "wrong"); got != "52e" {
				t.Fatalf("data %q", got)
			}
		}
		if got := bindAs(t, server, `LAB\jdoe`, userPassword); got != "" {
			t.Fatalf("data %q", got)
		}
	}
}

func TestAPasswordThatGetsOldIsRefused(t *testing.T) {
	clock := &frameworktest.Clock{}
	server := start(t, directory.Options{Now: clock.Now})
	if got := bindAs(t, server, `LAB\jdoe`, userPassword); got != "" {
		t.Fatalf("data %q", got)
	}
	clock.Advance(60 * 24 * time.Hour)
	if got := bindAs(t, server, `LAB\jdoe`, userPassword); got != "532" {
		t.Errorf("two months later: data %q", got)
	}
	if got := bindAs(t, server, `LAB\nnever`, userPassword); got != "" {
		t.Errorf("somebody whose password never expires: data %q", got)
	}
}
