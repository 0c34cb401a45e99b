package file_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func TestChecksums(t *testing.T) {
	tests := map[string]struct {
		tree string
		sum  string
		ok   bool
	}{
		"by prefix":             {"-- s --\nhello\n", "sha256:" + sha("hello\n"), true},
		"by length":             {"-- s --\nhello\n", sha("hello\n"), true},
		"upper case":            {"-- s --\nhello\n", strings.ToUpper(sha("hello\n")), true},
		"in braces":             {"-- s --\nhello\n", "{md5}b1946ac92492d2347c6235b4d2611184", true},
		"same already":          {"-- s --\nother\n-- dir/x --\nhello\n", sha("hello\n"), true},
		"the source is another": {"-- s --\nother\n-- dir/x --\nold\n", sha("hello\n"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			f := made("/dir/x", source("/s"), sum(test.sum))
			if !test.ok {
				if err := resourcetest.Refuses(t, h, f); !strings.Contains(err.Error(), "checksum_value: the source has sha256:"+sha("other\n")) {
					t.Errorf("the error is %q", err)
				}
				return
			}
			resourcetest.Converges(t, h, f)
			if got := h.Content("/dir/x"); got != "hello\n" {
				t.Errorf("the content is %q", got)
			}
		})
	}
}

func TestDownload(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/hello":
			_, _ = io.WriteString(w, "hello\n")
		case "/moved":
			http.Redirect(w, r, "/hello", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "hello\n")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	tests := map[string]struct {
		tree    string
		sources []string
		want    string // in the error; "": the file is hello
		asked   int
	}{
		"an address":                 {"", []string{server.URL + "/hello"}, "", 1},
		"a redirect":                 {"", []string{server.URL + "/moved"}, "", 2},
		"not there, the next is":     {"", []string{server.URL + "/none", server.URL + "/hello"}, "", 2},
		"a local one first":          {"-- s --\nhello\n", []string{"/s", server.URL + "/hello"}, "", 0},
		"no local one":               {"", []string{"/s", server.URL + "/hello"}, "", 1},
		"not there, a local one is":  {"-- s --\nhello\n", []string{server.URL + "/none", "/s"}, "", 1},
		"not asked when all is well": {"-- dir/x --\nhello\n", []string{server.URL + "/broken"}, "", 0},
		"not there":                  {"-- dir/x --\nold\n", []string{server.URL + "/none"}, "/none: file does not exist", 1},
		"an error of the server":     {"-- dir/x --\nold\n", []string{server.URL + "/broken"}, "500 Internal Server Error", 1},
		"cut off":                    {"-- dir/x --\nold\n", []string{server.URL + "/short"}, "unexpected EOF", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			asked = 0
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			f := made("/dir/x", source(test.sources...), sum(sha("hello\n")))
			if test.want != "" {
				if err := resourcetest.Refuses(t, h, f); !strings.Contains(err.Error(), test.want) {
					t.Errorf("want an error with %q, got %q", test.want, err)
				}
			} else {
				resourcetest.Converges(t, h, f)
				if got := h.Content("/dir/x"); got != "hello\n" {
					t.Errorf("the content is %q", got)
				}
			}
			if asked != test.asked {
				t.Errorf("the server was asked %d times", asked)
			}
		})
	}
	t.Run("another checksum", func(t *testing.T) {
		h := hosttest.New(t, "-- dir/x --\nold\n")
		err := resourcetest.Refuses(t, h, made("/dir/x", source(server.URL+"/hello"), sum(sha("other"))))
		if !strings.Contains(err.Error(), "checksum_value: the source has sha256:"+sha("hello\n")) {
			t.Errorf("the error is %q", err)
		}
	})
}

// A server that says nothing more does not hold a run: the download ends with its context.
func TestDownloadEndsWithItsContext(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hel")
		w.(http.Flusher).Flush()
		close(begun)
		<-release
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	h := hosttest.New(t, "-- dir/x --\nold\n")
	f := made("/dir/x", source(server.URL), sum(sha("hello\n")))
	d := resourcetest.Check(t, h, f)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-begun
		cancel(errors.New("timed out after 1s"))
	}()
	if err := f.Apply(ctx, h, d); err == nil {
		t.Fatal("half a download was accepted")
	}
	if got := h.Content("/dir/x"); got != "old\n" {
		t.Errorf("the content is %q", got)
	}
}
