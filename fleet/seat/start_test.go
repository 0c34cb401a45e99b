package seat

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/fleet/transport"
)

// TestStart: a program that is there and does not run, or is of another protocol, is brought again; what hinders that is told.
func TestStart(t *testing.T) {
	const whole = "#!/bin/sh\necho apply-relay 1\n"
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte(whole), 0o700); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", "")
	here, err := transport.NewConnector(`sh -c 'exec sh -c "$2"' here`)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := here.Dial(t.Context(), transport.Target{Name: "here"})
	if err != nil {
		t.Fatal(err)
	}
	start := func(t *testing.T) (notes []string, err error) {
		t.Helper()
		program, err := NewProgram(source) // of a run of its own
		if err != nil {
			t.Fatal(err)
		}
		c, err := Start(t.Context(), conn, program, At{Node: "here", Note: func(text string) { notes = append(notes, text) }}, nil)
		if err == nil {
			err = c.Close()
		}
		return notes, err
	}
	if notes, err := start(t); err != nil || len(notes) > 0 {
		t.Fatalf("the first time: %v, %v", notes, err)
	}
	files, err := filepath.Glob(filepath.Join(home, ".cache/apply/bin/apply-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("want one program, got %v, %v", files, err)
	}
	for name, tt := range map[string]struct{ text, note string }{
		"whole":                  {whole, ""},
		"damaged":                {"#!/bin/sh\nexit 3\n", "it ended"},
		"nothing":                {"", "it ended"},
		"another protocol":       {"#!/bin/sh\necho apply-relay 2\n", `it says "2"`},
		"for no machine at all":  {"\x7fELF\x02 and no more", ""},
		"one that is not itself": {"#!/bin/sh\necho no >&2\nexit 1\n", "no relay: no: the"},
		"one with bad settings":  {"#!/bin/sh\nprintf 'Error: bad\\n  in: a file\\n\\nmore\\n' >&2\nexit 1\n", "no relay: Error: bad; in: a file: the"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(files[0], []byte(tt.text), 0o700); err != nil {
				t.Fatal(err)
			}
			notes, err := start(t)
			if err != nil {
				t.Fatal(err)
			}
			if tt.text == whole != (len(notes) == 0) || tt.note != "" && !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, tt.note) && strings.Contains(n, "brought again") }) {
				t.Errorf("want %q told, got %q", tt.note, notes)
			}
			if text, err := os.ReadFile(files[0]); err != nil || string(text) != whole {
				t.Errorf("the program is %q, %v", text, err)
			}
		})
	}
	if err := os.RemoveAll(filepath.Join(home, ".cache")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".cache"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if notes, err := start(t); err == nil || !strings.Contains(err.Error(), "no relay: ") || len(notes) > 0 {
		t.Errorf("where no folder can be made: %v, %v", notes, err)
	}
}

// TestUnreached: a connector that does not reach the node is told from a node that cannot run the program.
func TestUnreached(t *testing.T) {
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		connector, want string
		unable          bool
	}{
		"no route":      {`sh -c 'echo no route >&2; exit 255'`, "connector: ended with exit code 255: no route", false},
		"no such shell": {`sh -c 'echo no shell >&2; exit 127'`, "no relay: no shell", true},
	} {
		t.Run(name, func(t *testing.T) {
			dialer, err := transport.NewConnector(tt.connector)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := dialer.Dial(t.Context(), transport.Target{Name: "there"})
			if err != nil {
				t.Fatal(err)
			}
			program, err := NewProgram(source)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Start(t.Context(), conn, program, At{Node: "there"}, nil); err == nil || err.Error() != tt.want || errors.Is(err, ErrNoRelay) != tt.unable {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}
