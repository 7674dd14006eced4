package directory_test

import (
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/directory"
)

// crowd is more people than one answer or one attribute holds.
func crowd(count int) []directory.User {
	users := make([]directory.User, count)
	for i := range users {
		users[i] = directory.User{Name: fmt.Sprintf("User %04d", i), Account: fmt.Sprintf("u%04d", i), Unit: "Crowd", Groups: []string{"Everyone"}}
	}
	return users
}

func TestLimitsAreThoseOfADomainController(t *testing.T) {
	conn := login(t, start(t, directory.Options{Users: crowd(3200)}))
	people := func(limit int, controls ...ldap.Control) *ldap.SearchRequest {
		return ldap.NewSearchRequest("OU=Crowd,"+base, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, limit, 10, false, "(objectClass=user)", []string{"cn"}, controls)
	}
	t.Run("a search with a limit gets that many and code 4", func(t *testing.T) {
		found, err := conn.Search(people(7))
		if code(err) != ldap.LDAPResultSizeLimitExceeded || len(found.Entries) != 7 {
			t.Errorf("%d entries, %v", len(found.Entries), err)
		}
	})
	t.Run("a search with a limit that suffices gets no error", func(t *testing.T) {
		query := people(1)
		query.Filter = "(sAMAccountName=u0007)"
		if found, err := conn.Search(query); err != nil || len(found.Entries) != 1 {
			t.Errorf("%v, %v", found, err)
		}
	})
	t.Run("a search without a limit gets 1,000 and code 4", func(t *testing.T) {
		found, err := conn.Search(people(0))
		if code(err) != ldap.LDAPResultSizeLimitExceeded || len(found.Entries) != 1000 {
			t.Errorf("%d entries, %v", len(found.Entries), err)
		}
	})
	t.Run("pages hold at most 1,000 and bring everybody once", func(t *testing.T) {
		var sizes []int
		seen := map[string]bool{}
		paging := ldap.NewControlPaging(5000)
		for {
			found, err := conn.Search(people(0, paging))
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(found.Entries))
			for _, entry := range found.Entries {
				seen[entry.DN] = true
			}
			next, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			if !ok {
				t.Fatal("no paging control in the answer")
			}
			if len(next.Cookie) == 0 {
				break
			}
			paging.SetCookie(next.Cookie)
		}
		if diff := cmp.Diff([]int{1000, 1000, 1000, 200}, sizes); diff != "" || len(seen) != 3200 {
			t.Errorf("%d people; %s", len(seen), diff)
		}
	})
	t.Run("a page larger than the limit is no page", func(t *testing.T) {
		found, err := conn.Search(people(5, ldap.NewControlPaging(10)))
		if code(err) != ldap.LDAPResultSizeLimitExceeded || len(found.Entries) != 5 {
			t.Errorf("%d entries, %v", len(found.Entries), err)
		}
	})
	t.Run("a cookie of somebody else is refused", func(t *testing.T) {
		forged := ldap.NewControlPaging(10)
		forged.SetCookie([]byte("forged"))
		if _, err := conn.Search(people(0, forged)); code(err) != ldap.LDAPResultUnwillingToPerform {
			t.Errorf("%v", err)
		}
	})
	t.Run("a paged search that is given up ends", func(t *testing.T) {
		paging := ldap.NewControlPaging(10)
		found, err := conn.Search(people(0, paging))
		if err != nil {
			t.Fatal(err)
		}
		next, _ := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		cookie := next.Cookie
		stop := ldap.NewControlPaging(0)
		stop.SetCookie(cookie)
		if found, err := conn.Search(people(0, stop)); err != nil || len(found.Entries) != 0 {
			t.Errorf("%v, %v", found, err)
		}
		again := ldap.NewControlPaging(10)
		again.SetCookie(cookie)
		if _, err := conn.Search(people(0, again)); code(err) != ldap.LDAPResultUnwillingToPerform {
			t.Errorf("afterwards: %v", err)
		}
	})
	t.Run("too many paged searches at a time are refused", func(t *testing.T) {
		for range 10 {
			if _, err := conn.Search(people(0, ldap.NewControlPaging(1))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := conn.Search(people(0, ldap.NewControlPaging(1))); code(err) != ldap.LDAPResultAdminLimitExceeded {
			t.Errorf("%v", err)
		}
	})
	t.Run("values come 1,500 at a time", func(t *testing.T) { ranges(t, conn) })
}

func ranges(t *testing.T, conn *ldap.Conn) {
	t.Helper()
	for asked, want := range map[string]map[string]int{
		"member":                               {"member": 0, "member;range=0-1499": 1500},
		"member;range=0-*":                     {"member;range=0-1499": 1500},
		"member;range=1500-*":                  {"member;range=1500-2999": 1500},
		"member;range=3000-*":                  {"member;range=3000-*": 200},
		"MEMBER;Range=10-19":                   {"member;range=10-19": 10},
		"member;range=3190-9999":               {"member;range=3190-*": 10},
		"member;range=3200-*":                  {},
		"member;range=5-4":                     {},
		"member;range=x-y":                     {},
		"member;range=-1-5":                    {},
		"member;range=0-999999999999999999999": {},
	} {
		t.Run(asked, func(t *testing.T) {
			found, err := conn.Search(request("OU=Groups,"+base, "(cn=Everyone)", asked))
			if err != nil || len(found.Entries) != 1 {
				t.Fatalf("%v, %v", found, err)
			}
			got := map[string]int{}
			for _, one := range found.Entries[0].Attributes {
				got[one.Name] = len(one.Values)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNamesCanBeHadWithoutValues(t *testing.T) {
	conn := login(t, start(t, directory.Options{}))
	query := request(base, "(sAMAccountName=jdoe)", "mail", "title", "tokenGroup")
	query.TypesOnly = true
	got := ask(t, conn, query)
	want := map[string]map[string][]string{"CN=Jane Doe,OU=Staff," + base: {"mail": nil, "title": nil}}
	if diff := cmp.Diff(want, got.Entries); diff != "" {
		t.Error(diff)
	}
}
