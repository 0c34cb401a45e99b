package sshclient

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nodeapply/apply/sshclient/config"
	"github.com/nodeapply/apply/sshclient/internal/keyring"
)

func readConfig(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	home := t.TempDir()
	dir := filepath.Join(home, ".ssh")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"config": text, "more": "Host inc\n  Port 7\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Read(home, filepath.Join(dir, "config"), filepath.Join(home, "none"))
}

func TestResolve(t *testing.T) {
	c, err := readConfig(t, `
# first value wins
Include more
Host n1
  HostName 10.0.0.1
  Port=2222
  User "alice"
  IdentityFile ~/key_%h
  ProxyJump bob@gate:2200
Host n* !n3
  User carol
  IdentityFile /keys/%r
  IdentitiesOnly yes
Match host gone* exec "true"
  User mallory
Match originalHost mat*,!matt
  User erin
  ProxyCommand nc %h %p
Host aliased
  HostKeyAlias cluster
  UserKnownHostsFile /a /b
  GlobalKnownHostsFile /c
Host *
  User dave
`)
	if err != nil {
		t.Fatal(err)
	}
	std := []string{c.Home + "/.ssh/known_hosts", c.Home + "/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}
	for _, tt := range []struct {
		name   string
		target Target
		want   endpoint
	}{
		{"all of it", Target{Name: "n1"}, endpoint{
			name: "n1", host: "10.0.0.1", port: 2222, user: "alice", via: "bob@gate:2200", keys: keyring.Wanted{Identities: []string{c.Home + "/key_10.0.0.1", "/keys/alice"}, Only: true},
			knownHosts: std, keyNames: []string{"10.0.0.1:2222", "n1:2222"},
		}},
		{"the inventory counts more", Target{Name: "n1", Address: "[fe80::1]:9", User: "root", Gateway: "g"}, endpoint{
			name: "n1", host: "fe80::1", port: 9, user: "root", via: "g", keys: keyring.Wanted{Identities: []string{c.Home + "/key_fe80::1", "/keys/root"}, Only: true},
			knownHosts: std, keyNames: []string{"[fe80::1]:9", "n1:9"},
		}},
		{"a port of its own", Target{Name: "n1", Port: 9, User: "root", Gateway: "g"}, endpoint{
			name: "n1", host: "10.0.0.1", port: 9, user: "root", via: "g", keys: keyring.Wanted{Identities: []string{c.Home + "/key_10.0.0.1", "/keys/root"}, Only: true},
			knownHosts: std, keyNames: []string{"10.0.0.1:9", "n1:9"},
		}},
		{"excluded by a pattern", Target{Name: "n3"}, endpoint{name: "n3", host: "n3", port: 22, user: "dave", knownHosts: std, keyNames: []string{"n3:22"}}},
		{"matched", Target{Name: "mat1"}, endpoint{name: "mat1", host: "mat1", port: 22, user: "erin", knownHosts: std, keyNames: []string{"mat1:22"}, command: true}},
		{"not matched", Target{Name: "matt"}, endpoint{name: "matt", host: "matt", port: 22, user: "dave", knownHosts: std, keyNames: []string{"matt:22"}}},
		{"included", Target{Name: "inc"}, endpoint{name: "inc", host: "inc", port: 7, user: "dave", knownHosts: std, keyNames: []string{"inc:7"}}},
		{"alias", Target{Name: "aliased"}, endpoint{
			name: "aliased", host: "aliased", port: 22, user: "dave", knownHosts: []string{"/a", "/b", "/c"}, keyNames: []string{"cluster:22"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := New(Options{Config: c, User: "me"}).resolve(tt.target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(endpoint{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGatewayTarget(t *testing.T) {
	known := func(name string) (Target, bool) { return Target{Name: name, Address: "1.2.3.4"}, name == "gw" }
	for text, want := range map[string]Target{
		"gw":             {Name: "gw", Address: "1.2.3.4"},
		"root@gw":        {Name: "gw", Address: "1.2.3.4", User: "root"},
		"a@h:2200":       {Name: "h", Port: 2200, User: "a"},
		"first,u@second": {Name: "second", User: "u", Gateway: "first"},
		"first,gw":       {Name: "gw", Address: "1.2.3.4", Gateway: "first"},
	} {
		got, err := gatewayTarget(text, known)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// TestGatewaysBehindThemselves: gateways that are behind each other are told at once, by whichever of them a host is reached, at the same time.
func TestGatewaysBehindThemselves(t *testing.T) {
	behind := map[string]string{"x": "y", "y": "x", "z": "z"}
	known := func(name string) (Target, bool) {
		via, ok := behind[name]
		return Target{Name: name, Gateway: via}, ok
	}
	d := New(Options{User: "me", Home: t.TempDir(), Known: known})
	defer d.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for name, via := range behind {
		all.Go(func() {
			_, err := d.Dial(ctx, Target{Name: name, Gateway: via})
			if err == nil || !strings.Contains(err.Error(), ": is behind itself") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
	long := New(Options{User: "me", Home: t.TempDir(), Known: func(name string) (Target, bool) { return Target{Name: name, Gateway: name + "1"}, true }})
	defer long.Close()
	if _, err := long.Dial(ctx, Target{Name: "n", Gateway: "g"}); err == nil || !strings.Contains(err.Error(), "over the limit of 8, one behind the other") {
		t.Errorf("gateways without end: %v", err)
	}
}
