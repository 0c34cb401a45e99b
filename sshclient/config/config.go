// Package config reads ssh_config(5).
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Config is what is read of ssh_config: Host, HostName, Port, User, IdentityFile, CertificateFile, IdentitiesOnly, ProxyJump, HostKeyAlias,
// UserKnownHostsFile, GlobalKnownHostsFile and Include. Of Match only "all", "host" and "originalhost", by the names that a host has before HostName; other Match
// blocks are skipped, as are all other keywords.
type Config struct {
	Home    string // what ~ stands for
	entries []entry
}

// entry is one keyword with the Host patterns it stands below.
type entry struct {
	patterns []string // nil: holds for all
	key      string   // lower case
	values   []string
}

// maxIncludes bounds how deep files include each other.
const maxIncludes = 16

// Read reads ssh_config files, of which the first that has a value wins. A file that is not there is empty. Home is for ~ and for
// relative names of Include.
func Read(home string, files ...string) (*Config, error) {
	c := &Config{Home: home}
	for _, f := range files {
		if err := c.read(f, nil, 0); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Config) read(name string, patterns []string, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("%s: over the limit of %d includes", name, maxIncludes)
	}
	src, err := readOwn(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(string(src)) {
		number++
		words, err := configWords(line)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if len(words) == 0 {
			continue
		}
		key, values := strings.ToLower(words[0]), words[1:]
		if len(values) == 0 {
			return fmt.Errorf("%s:%d: %s has no value", name, number, words[0])
		}
		switch key {
		case "host":
			patterns = values
		case "match":
			patterns = matchPatterns(values)
		case "include":
			if err := c.include(name, values, patterns, depth); err != nil {
				return err
			}
		default:
			c.entries = append(c.entries, entry{patterns, key, values})
		}
	}
	return nil
}

// matchPatterns are the Host patterns that say what the criteria of a Match line do; for none of those that are not known.
func matchPatterns(criteria []string) []string {
	if len(criteria) == 1 && strings.EqualFold(criteria[0], "all") {
		return nil
	}
	if len(criteria) == 2 && (strings.EqualFold(criteria[0], "host") || strings.EqualFold(criteria[0], "originalhost")) {
		return strings.Split(criteria[1], ",")
	}
	return []string{"!*"}
}

// maxConfig bounds a file, in bytes.
const maxConfig = 1 << 20

// readOwn reads a file that, as ssh demands, only its user or root can have written.
func readOwn(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch st, ok := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", name)
	case !ok || info.Mode().Perm()&0o022 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s: bad owner or permissions: others can write it", name)
	case info.Size() > maxConfig:
		return nil, fmt.Errorf("%s: over the limit of %d bytes", name, maxConfig)
	}
	return io.ReadAll(io.LimitReader(f, maxConfig))
}

// system is the folder of the system's configuration.
const system = "/etc/ssh"

// include reads files, whose relative names are in ~/.ssh, or in /etc/ssh where from is a part of the system's configuration.
func (c *Config) include(from string, names, patterns []string, depth int) error {
	dir := filepath.Join(c.Home, ".ssh")
	if strings.HasPrefix(from, system+"/") {
		dir = system
	}
	for _, n := range names {
		if n = c.Tilde(n); !filepath.IsAbs(n) {
			n = filepath.Join(dir, n)
		}
		found, err := filepath.Glob(n)
		if err != nil {
			return fmt.Errorf("%s: Include %s: %w", from, n, err)
		}
		for _, f := range found {
			if err := c.read(f, patterns, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// configWords splits a line: KEY VALUE..., KEY=VALUE, values in double quotes, # at the beginning of a word comments.
func configWords(line string) ([]string, error) {
	line = strings.TrimSpace(line)
	if i := strings.IndexAny(line, " \t="); i > 0 && !strings.HasPrefix(line, "#") {
		line = line[:i] + " " + strings.TrimPrefix(strings.TrimLeft(line[i:], " \t"), "=")
	}
	var words []string
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		if line[0] == '"' {
			word, rest, ok := strings.Cut(line[1:], `"`)
			if !ok {
				return nil, errors.New("a quote is not closed")
			}
			words, line = append(words, word), rest
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words, nil
}

// First is the first value of a key, in lower case, for the names by which a host is known; "" if there is none.
func (c *Config) First(names []string, key string) string {
	if v := c.All(names, key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// All is every value of a key.
func (c *Config) All(names []string, key string) []string {
	var out []string
	for _, e := range c.entries {
		if e.key == key && e.holds(names) {
			out = append(out, e.values...)
		}
	}
	return out
}

// FirstLine is all values of the first line that holds: of lists on one line, such as UserKnownHostsFile.
func (c *Config) FirstLine(names []string, key string) []string {
	i := slices.IndexFunc(c.entries, func(e entry) bool { return e.key == key && e.holds(names) })
	if i < 0 {
		return nil
	}
	return c.entries[i].values
}

func (e entry) holds(names []string) bool {
	if e.patterns == nil {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool {
		found := false
		for _, p := range e.patterns {
			pattern, negated := strings.CutPrefix(p, "!")
			if !matches(pattern, name) {
				continue
			}
			if negated {
				return false
			}
			found = true
		}
		return found
	})
}

// matches is ssh's: * and ? alone are special.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer("[", `\[`, `\`, `\\`).Replace(pattern), strings.ReplaceAll(name, "/", "_"))
	return err == nil && ok
}

// Tilde is a file name with ~ replaced.
func (c *Config) Tilde(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		return filepath.Join(c.Home, rest)
	}
	return name
}
