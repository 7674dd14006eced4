package archive

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// actionOf is the permission that S3 asks for a request (Service Authorization Reference of Amazon S3, read 2026-11).
func actionOf(t *testing.T, r *http.Request) []string {
	t.Helper()
	isObject := strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case r.Method == http.MethodGet && !isObject && r.URL.Query().Get("list-type") == "2":
		return []string{"s3:ListBucket"}
	case r.Method == http.MethodGet && isObject:
		return []string{"s3:GetObject"}
	case r.Method == http.MethodPut && isObject:
		actions := []string{"s3:PutObject"}
		if r.Header.Get("X-Amz-Object-Lock-Mode") != "" {
			actions = append(actions, "s3:PutObjectRetention")
		}
		if r.Header.Get("X-Amz-Object-Lock-Legal-Hold") != "" {
			actions = append(actions, "s3:PutObjectLegalHold")
		}
		if r.Header.Get("X-Amz-Server-Side-Encryption") == "aws:kms" {
			actions = append(actions, "kms:GenerateDataKey", "kms:Decrypt") // the second for reading what it encrypted
		}
		return actions
	}
	t.Errorf("%s %s needs a permission that is not known here", r.Method, r.URL)
	return nil
}

// TestThePolicyAllowsTheCallsThatAreMadeAndNoOther holds docs/archive.md to what the store does.
func TestThePolicyAllowsTheCallsThatAreMadeAndNoOther(t *testing.T) {
	documented := documentedActions(t)
	var mu sync.Mutex
	made := map[string]bool{}
	// The stand-in knows no locks: their headers are seen and taken away. What it would sign is not checked by it.
	seen := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			for _, action := range actionOf(t, r) {
				made[action] = true
			}
			mu.Unlock()
			maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-Amz-Object-Lock-") })
			next.ServeHTTP(w, r)
		})
	}
	store := fakeS3(t, seen)
	store.config.KMSKey, store.config.Lock = "alias/evidence", LockConfig{Mode: "governance", Days: 1, Hold: true}
	readsBack(t, store)
	refusesDifferent(t, store)
	if err := getError(t, store); err != nil {
		t.Fatal(err)
	}
	list(t, store, "", "", "")
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(documented, slices.Sorted(maps.Keys(made))); diff != "" {
		t.Errorf("permissions (-documented +needed):\n%s", diff)
	}
}

// documentedActions are those of the policy in docs/archive.md.
func documentedActions(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/archive.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/archive.md shows no policy")
	}
	var policy struct {
		Statement []struct {
			Effect string
			Action []string
		}
	}
	if err := json.Unmarshal(block[1], &policy); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, statement := range policy.Statement {
		if statement.Effect != "Allow" {
			t.Errorf("a statement has the effect %s", statement.Effect)
		}
		actions = append(actions, statement.Action...)
	}
	slices.Sort(actions)
	return actions
}
