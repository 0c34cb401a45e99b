package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigMistakes(t *testing.T) {
	for text, want := range map[string]string{"Host a\n  Port\n": "config:2: Port has no value", "User \"a\n": "config:1: a quote is not closed", "Match user\n": "config:1: criterion user has no value", "Include config\n": "limit"} {
		if _, err := read(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

func TestConfigThatOthersCanWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(name, []byte("Host a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.TempDir(), name); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(name, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.TempDir(), name); err == nil || !strings.Contains(err.Error(), "bad owner or permissions") {
		t.Errorf("group can write: %v", err)
	}
}

func read(t *testing.T, text string) (*Config, error) {
	t.Helper()
	home := t.TempDir()
	return Read(home, write(t, home, ".ssh/config", text))
}

func write(t *testing.T, home, name, text string) string {
	t.Helper()
	name = filepath.Join(home, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestInclude: relative names are in ~/.ssh, whichever of the user's files includes them.
func TestInclude(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".ssh/conf.d/a", "Include more\n")
	write(t, home, ".ssh/more", "User ann\n")
	for _, name := range []string{".ssh/config", "elsewhere/config"} {
		c, err := Read(home, write(t, home, name, "Include conf.d/*\n"))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := c.For(Host{Name: "n"}); err != nil || s.First("user") != "ann" {
			t.Errorf("%s: want ann, got %v, %v", name, s, err)
		}
	}
}
