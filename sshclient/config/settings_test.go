package config

import (
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettings: what files say of a host is what ssh(1) says that they do, where that is here.
func TestSettings(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		user       string // asked for
		want       string // "user=ann port=22"
	}{
		{"the first wins", "Host n1\nUser ann\nHost *\nUser bob\nPort 7\n", "", "user=ann port=7"},
		{"host patterns", "Host m* !n1 n*\nUser ann\nHost n? !n2\nUser bob\n", "", "user=bob"},
		{"match all", "Match all\nUser ann\n", "", "user=ann"},
		{"match not all", "Match !all\nUser ann\nHost *\nUser bob\n", "", "user=bob"},
		{"the user so far", "User ann\nMatch user ann\nPort 7\n", "", "user=ann port=7"},
		{"not the user after", "Match user ann\nPort 7\nHost *\nUser ann\n", "", "user=ann"},
		{"the user given", "User bob\nMatch user ann\nPort 7\n", "ann", "user=bob port=7"},
		{"the usual user", "Match user " + me.Username + "\nPort 7\n", "", "port=7"},
		{"a list of users", "User ann\nMatch user bob,a*\nPort 7\n", "", "user=ann port=7"},
		{"excluded from a list of users", "User ann\nMatch user *,!ann\nPort 7\nMatch !user ann\nPort 8\nMatch !user bob\nPort 9\n", "", "user=ann port=9"},
		{"local user", "Match localuser " + me.Username + "\nPort 7\n", "", "port=7"},
		{"another local user", "Match localuser !" + me.Username + ",*\nPort 7\nMatch all\nPort 8\n", "", "port=8"},
		{"several criteria", "User ann\nMatch host n1 user ann\nPort 7\nMatch host n2 user ann\nPort 8\n", "", "user=ann port=7"},
		{"the other of several criteria", "User ann\nMatch user bob host n1\nPort 7\nMatch all\nPort 8\n", "", "user=ann port=8"},
		{"host after hostname", "Host n1\nHostName %h.example.org\nMatch host n1.example.org\nPort 7\nMatch host n1\nUser eve\n", "", "hostname=%h.example.org port=7"},
		{"host in capitals", "Match host N1\nPort 7\nMatch originalhost N?\nUser ann\n", "", "user=ann port=7"},
		{"originalhost after hostname", "HostName a.example.org\nMatch originalhost n1\nPort 7\nMatch originalhost a.*\nUser eve\n", "", "hostname=a.example.org port=7"},
		{"exec where another criterion fails", "Match host n2 exec \"exit 0\"\nUser eve\nMatch exec \"exit 0\" host n2\nUser eve\n", "", ""},
		{"exec that sets nothing new", "User ann\nMatch exec \"exit 0\"\nUser eve\nVisualHostKey no\nProxyCommand none\n", "", "user=ann"},
		{"final", "Match final host *.org\nPort 7\nHost n1\nHostName a.org\nMatch final all\nUser ann\nMatch canonical all\nUser eve\n", "", "hostname=a.org user=ann port=7"},
		{"before final", "Match final all\nPort 7\nHost n1\nPort 8\n", "", "port=8"},
		{"a jump before a command", "ProxyJump gw\nProxyCommand nc %h %p\n", "", "proxyjump=gw"},
		{"a command before a jump", "ProxyCommand nc %h %p\nProxyJump gw\n", "", "proxycommand=nc"},
		{"no command before a jump", "ProxyCommand none\nProxyJump gw\n", "", "proxycommand=none"},
		{"quotes", "User 'a\"n'\nHostName=\"n1\\\"x\"\nPort = 7\n", "", "hostname=n1\"x user=a\"n port=7"},
		{"files add up", "IdentityFile ~/a\nHost n1\nIdentityFile ~/b\nMatch final all\nIdentityFile ~/d\n", "", "identityfile=~/a,~/b,~/d"},
		{"no files add up", "UserKnownHostsFile /a /b\nUserKnownHostsFile /c\n", "", "userknownhostsfile=/a,/b"},
		{"agents", "IdentityAgent none\nIdentitiesOnly yes\nIdentityAgent /x\n", "", "identityagent=none identitiesonly=yes"},
		{"a comment", "User ann # not bob\n#Port 7\n", "", "user=ann"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			name := write(t, home, ".ssh/config", tt.text)
			c, err := Read(home, name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := c.For(Host{Name: "n1", User: tt.user, Usual: me.Username})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sorted(tt.want), sorted(settings(s))); diff != "" {
				t.Error(diff)
			}
			oracle(t, name, tt.user, tt.want)
		})
	}
}

// settings are values as TestSettings writes them.
func settings(s Settings) string {
	var out []string
	for key := range s {
		values := []string{s.First(key)}
		if strings.HasSuffix(key, "file") {
			values = s.All(key)
		}
		out = append(out, key+"="+strings.Join(values, ","))
	}
	return strings.Join(out, " ")
}

func sorted(text string) []string { return slices.Sorted(slices.Values(strings.Fields(text))) }

// oracle asks ssh(1) whether it agrees; without one there is nothing to ask.
func oracle(t *testing.T, file, user, want string) {
	t.Helper()
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Log("no ssh(1) here: what it says is left out")
		return
	}
	args := []string{"-G", "-F", file}
	if user != "" {
		args = append(args, "-l", user)
	}
	out, err := exec.CommandContext(t.Context(), ssh, append(args, "n1")...).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh -G: %v\n%s", err, out)
	}
	for _, w := range strings.Fields(want) {
		key, values, _ := strings.Cut(w, "=")
		if user != "" && key == "user" || key == "proxycommand" || key == "identityfile" || strings.Contains(values, "%") {
			continue // which it prints in another form
		}
		if line := key + " " + strings.ReplaceAll(values, ",", " "); !slices.Contains(strings.Split(string(out), "\n"), line) {
			t.Errorf("ssh does not say %q:\n%s", line, out)
		}
	}
}

// TestUndecided: a criterion that is not followed is told where it decides about something.
func TestUndecided(t *testing.T) {
	for text, want := range map[string]string{
		"Match exec \"exit 1\"\nPort 7\n":                         "config:2: port hangs on Match exec, which is not followed here",
		"User ann\nMatch user ann !exec x\nUser bob\nProxyJump g": "config:4: proxyjump hangs on Match exec, which is not followed here",
		"Match localnetwork 10.0.0.0/8\nIdentityFile a\n":         "config:2: identityfile hangs on Match localnetwork, which is not followed here",
	} {
		c, err := read(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.For(Host{Name: "n1"}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

// TestIncludeInside: what is included holds where its block does, and patterns of files are a shell's.
func TestIncludeInside(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".ssh/conf.d/b", "Host *\nPort 8\n")
	write(t, home, ".ssh/conf.d/a", "Host *\nPort 7\n")
	write(t, home, ".ssh/conf.d/.a.swp", "not a\x00 \"configuration\n")
	write(t, home, ".ssh/conf.d/folder/c", "Port 9\n")
	c, err := Read(home, write(t, home, ".ssh/config", "Host n1\nInclude conf.d/*\nUser ann\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"n1": "port=7 user=ann", "n2": ""} {
		s, err := c.For(Host{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(want), sorted(settings(s))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestNames: a host that has a name and an address is left out by either.
func TestNames(t *testing.T) {
	c, err := read(t, "Host * !n1\nPort 7\nHost 10.* !10.0.0.2\nUser ann\n")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{"10.0.0.1": "user=ann", "10.0.0.2": ""} {
		s, err := c.For(Host{Name: "n1", Address: address})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(want), sorted(settings(s))); diff != "" {
			t.Errorf("%s: %s", address, diff)
		}
	}
}
