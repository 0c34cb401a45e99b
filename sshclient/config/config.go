// Package config reads ssh_config(5), and says what it means for a host.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Config is what is read of ssh_config: Host, Match, Include, HostName, Port, User, Tag, IdentityFile, CertificateFile, IdentitiesOnly, IdentityAgent, ProxyJump,
// ProxyCommand, HostKeyAlias, UserKnownHostsFile, GlobalKnownHostsFile and RevokedHostKeys. All other keywords are skipped.
type Config struct {
	Home    string // what ~ stands for
	entries []entry
	final   bool // there is a block for a second pass
}

// entry is one keyword with the block that it stands in.
type entry struct {
	in     *block
	key    string // lower case
	values []string
	at     string // FILE:LINE
}

// followed tells whether a keyword, in lower case, means anything here.
func followed(key string) bool {
	switch key {
	case "hostname", "port", "user", "tag", "identityfile", "certificatefile", "identitiesonly", "identityagent", "proxyjump", "proxycommand", "hostkeyalias",
		"userknownhostsfile", "globalknownhostsfile", "revokedhostkeys":
		return true
	}
	return false
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

// read reads a file that stands in a block: what it says holds where that does.
func (c *Config) read(name string, outer *block, depth int) error {
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
	in, number := outer, 0
	for line := range strings.Lines(string(src)) {
		number++
		at := fmt.Sprintf("%s:%d", name, number)
		words, err := splitWords(line)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if len(words) == 0 {
			continue
		}
		key, values := strings.ToLower(words[0]), words[1:]
		if len(values) == 0 {
			return fmt.Errorf("%s: %s has no value", at, words[0])
		}
		switch key {
		case "host":
			in = &block{outer: outer, criteria: []criterion{{kind: "Host", patterns: values}}}
		case "match":
			in = &block{outer: outer}
			if in.criteria, err = matchCriteria(values); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			c.final = c.final || in.final()
		case "include":
			if err := c.include(name, values, in, depth); err != nil {
				return err
			}
		default:
			if followed(key) {
				c.entries = append(c.entries, entry{in, key, values, at})
			}
		}
	}
	return nil
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

// include reads the files that patterns name, whose relative names are in ~/.ssh, or in /etc/ssh where from is a part of the system's configuration. As a
// shell's, * leaves out names that begin with a dot; folders are passed over.
func (c *Config) include(from string, names []string, in *block, depth int) error {
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
			if strings.HasPrefix(filepath.Base(f), ".") && !strings.HasPrefix(filepath.Base(n), ".") {
				continue
			}
			if info, err := os.Stat(f); err == nil && info.IsDir() {
				continue
			}
			if err := c.read(f, in, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tilde is a file name with ~ replaced.
func (c *Config) Tilde(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		return filepath.Join(c.Home, rest)
	}
	return name
}
