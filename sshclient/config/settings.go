package config

import (
	"cmp"
	"fmt"
	"os/user"
	"slices"
	"strings"
)

// Host is who is asked for.
type Host struct {
	Name    string // as its user calls it
	Address string // where it is reached, in place of what HostName says; "" for that
	User    string // at the host, whatever the files say; "" for as they say
	Usual   string // the user where they say nothing
}

// Settings are what the files say of a host: the values of each keyword, in lower case, line by line.
type Settings map[string][][]string

// For is what the files say of a host. Each keyword has the values of the first line that holds for the host; IdentityFile and CertificateFile have those of
// all, and of ProxyJump and ProxyCommand the one that is first is there alone. Match lines are held against what lines before them have said. One whose criteria
// are not all followed, such as exec, is an error where it decides about what is set.
func (c *Config) For(h Host) (Settings, error) {
	s := Settings{}
	passes := 1
	if c.final {
		passes = 2
	}
	for pass := range passes {
		if err := s.read(c.entries, h, pass); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// verdict is what came of a block.
type verdict struct {
	held      bool
	undecided string // criterion
}

// read goes through the lines once.
func (s Settings) read(entries []entry, h Host, pass int) error {
	seen := map[*block]verdict{}
	var holds func(*block) verdict
	holds = func(b *block) verdict {
		if b == nil {
			return verdict{held: true}
		}
		if v, ok := seen[b]; ok {
			return v
		}
		v := holds(b.outer)
		if v.held || v.undecided != "" {
			held, undecided := b.holds(s.asked(h, pass))
			switch {
			case !held && undecided == "":
				v = verdict{}
			case undecided != "":
				v = verdict{undecided: undecided}
			}
		}
		seen[b] = v
		return v
	}
	for _, e := range entries {
		v := holds(e.in)
		if !v.held && v.undecided == "" || !s.open(e) {
			continue
		}
		if v.held {
			s[e.key] = append(s[e.key], e.values)
		} else if e.key != "proxycommand" { // which is not followed either
			return fmt.Errorf("%s: %s hangs on Match %s, which is not followed here", e.at, e.key, v.undecided)
		}
	}
	return nil
}

// open tells whether a line would still change anything.
func (s Settings) open(e entry) bool {
	switch e.key {
	case "identityfile", "certificatefile":
		return !slices.ContainsFunc(s[e.key], func(values []string) bool { return slices.Equal(values, e.values) })
	case "proxyjump", "proxycommand":
		return len(s["proxyjump"]) == 0 && len(s["proxycommand"]) == 0
	}
	return len(s[e.key]) == 0
}

// asked is what Match lines see of a host now.
func (s Settings) asked(h Host, pass int) asked {
	given := []string{h.Name}
	if h.Address != "" {
		given = append(given, h.Address)
	}
	a := asked{given: given, names: given, hosts: given, user: cmp.Or(h.User, s.First("user"), h.Usual), tag: s.First("tag"), pass: pass}
	if host := s.HostName(h.Name); h.Address == "" && host != "" {
		a.hosts = []string{host}
	}
	if pass > 0 {
		a.names = a.hosts
	}
	if me, err := user.Current(); err == nil { // else it is nobody
		a.localUser = me.Username
	}
	return a
}

// HostName is where a host is reached; "" where the files do not say.
func (s Settings) HostName(name string) string {
	return strings.NewReplacer("%h", name, "%%", "%").Replace(s.First("hostname"))
}

// First is the first value of a keyword, "" if there is none.
func (s Settings) First(key string) string {
	if lines := s[key]; len(lines) > 0 {
		return lines[0][0]
	}
	return ""
}

// All is every value of a keyword.
func (s Settings) All(key string) []string { return slices.Concat(s[key]...) }

// FirstLine is all values of the first line of a keyword: of lists on one line, such as UserKnownHostsFile.
func (s Settings) FirstLine(key string) []string {
	if lines := s[key]; len(lines) > 0 {
		return lines[0]
	}
	return nil
}
