package seat

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFetch: a node gets the program from a neighbour by bash, and by wget where it has no bash; it believes neither before it has verified what came.
func TestFetch(t *testing.T) {
	const program = "#!/bin/sh\necho apply-relay 1\n"
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, program)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/KEY":
			w.Write(packed.Bytes())
		case "/ALTERED":
			w.Write(bytes.Repeat([]byte("x"), packed.Len()))
		case "/SHORT":
			w.Write(packed.Bytes()[:10])
		default:
			http.NotFound(w, r)
		}
	}))
	defer served.Close()
	_, port, err := net.SplitHostPort(served.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, without := range []string{"wget", "bash"} {
		if _, err := exec.LookPath(map[string]string{"wget": "bash", "bash": "wget"}[without]); err != nil {
			t.Skipf("the node's way without %s is not tried: %v", without, err)
		}
		path := toolsWithout(t, without)
		for _, tt := range []struct{ name, key, port, want string }{
			{"whole", "KEY", port, "apply-relay 1"},
			{"altered", "ALTERED", port, "apply-relay bad"},
			{"cut off", "SHORT", port, "apply-relay bad cut off, or too slow"},
			{"another key", "OTHER", port, "apply-relay bad cut off, or too slow"},
			{"nobody there", "KEY", "1", "apply-relay bad "},
		} {
			t.Run(tt.name+" without "+without, func(t *testing.T) {
				home := t.TempDir()
				order := fmt.Sprintf("from %d %x 127.0.0.1 %s %s 5\n", packed.Len(), sha256.Sum256(packed.Bytes()), tt.port, tt.key)
				cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", startScript, "relay", "HASH", "")
				cmd.Env = []string{"HOME=" + home, "PATH=" + path}
				cmd.Stdin, cmd.WaitDelay = strings.NewReader(order), 10*time.Second
				out, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewScanner(bytes.NewReader(out))
				var last string
				for lines.Scan() {
					last = lines.Text()
				}
				if !strings.HasPrefix(last, tt.want) {
					t.Errorf("want %q, got %q", tt.want, out)
				}
				installed, err := os.ReadFile(filepath.Join(home, ".cache/apply/bin/apply-HASH"))
				if whole := tt.key == "KEY" && tt.port == port; whole != (string(installed) == program) || !whole && err == nil {
					t.Errorf("installed is %q, %v", installed, err)
				}
			})
		}
	}
}

// toolsWithout is a folder with all of the system's tools but one.
func toolsWithout(t *testing.T, tool string) string {
	t.Helper()
	dir := t.TempDir()
	names, err := os.ReadDir("/usr/bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if n.Name() != tool {
			if err := os.Symlink(filepath.Join("/usr/bin", n.Name()), filepath.Join(dir, n.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}
