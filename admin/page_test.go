package admin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"parley/admin"
)

// The page has all it needs in itself, and its policy lets in just that.
func TestPage(t *testing.T) {
	t.Parallel()
	got := serveTCP(t, admin.Options{}).request("GET", "/")
	policy := got.Header.Get("Content-Security-Policy")
	for _, kind := range []string{"style", "script"} {
		inline := regexp.MustCompile(`(?s)<`+kind+`>(.*?)</`+kind+`>`).FindAllStringSubmatch(got.body, -1)
		if len(inline) != 1 || len(inline[0][1]) < 1000 {
			t.Fatalf("want one %s, got %d", kind, len(inline))
		}
		sum := sha256.Sum256([]byte(inline[0][1]))
		if want := kind + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(policy, want) {
			t.Errorf("want %s in the policy, got %s", want, policy)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
	// A reference to another host, a handler in an attribute, and ways by which text becomes markup or code.
	foreign := regexp.MustCompile(`(?i)(src|href|action)="?(https?:)?//|@import|url\(|\son[a-z]+=|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`)
	if found := foreign.FindString(got.body); found != "" {
		t.Errorf("the page has %q in it", found)
	}
}
