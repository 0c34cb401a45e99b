// Package probe is how facts are found: it reads the files of a node by its [host.View], of which what is not there is empty and no error, and gives what was
// read the form of a fact.
package probe

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
)

// Node is where facts are found: the files of the View, and what only the kernel tells the process itself.
type Node struct {
	View       host.View
	Machine    func() string // of uname(2): x86_64, aarch64...
	Interfaces func() ([]Interface, error)
	EUID, EGID int
	Now        func() time.Time
}

// Finder finds one fact; nil is none.
type Finder func(ctx context.Context, n *Node) (any, error)

// Interface is one network interface.
type Interface struct {
	Name      string
	MAC       string
	MTU       int
	Up        bool
	Loopback  bool
	Addresses []netip.Prefix
}

// Hardware is the machine's word for itself.
func (n *Node) Hardware() string {
	if arch := n.Word("/proc/sys/kernel/arch"); arch != "" { // since Linux 6.1
		return arch
	}
	return n.Machine()
}

// File is the content of a file, "" if it is not there.
func (n *Node) File(name string) (string, error) { return host.ReadFile(n.View, name) }

// Word is the content of a file of one value, without what is around it; "" if it is not there or not for us to read.
func (n *Node) Word(name string) string {
	s, err := host.ReadFile(n.View, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Trim(s, "\x00"))
}

// There says what is at name, a trustworthy link followed.
func (n *Node) There(name string) host.Kind {
	_, st, err := host.Resolve(n.View, name)
	if err != nil {
		return host.Absent
	}
	return st.Kind
}

// Linked says whether there is a link, as sysfs has them for what belongs to a device.
func (n *Node) Linked(name string) bool {
	st, err := n.View.Lstat(name)
	return err == nil && st.Kind == host.Symlink
}

// List is what is in a folder, nothing if it is not there.
func (n *Node) List(dir string) []string {
	names, _ := host.ReadDir(n.View, dir)
	return names
}

// Object is a structured fact without the parts that are empty: "", nil, and what is empty itself.
func Object(parts map[string]any) map[string]any {
	maps.DeleteFunc(parts, func(_ string, v any) bool {
		switch v := v.(type) {
		case nil:
			return true
		case string:
			return v == ""
		case map[string]any:
			return len(v) == 0
		case []any:
			return len(v) == 0
		}
		return false
	})
	return parts
}

// Parsed finds the fact that parse makes of a file.
func Parsed(file string, parse func(content string) map[string]any) Finder {
	return func(_ context.Context, n *Node) (any, error) {
		content, err := n.File(file)
		if err != nil {
			return nil, err
		}
		return OrNil(parse(content)), nil
	}
}

// OrNil is the fact, or none if there is nothing in it.
func OrNil(parts map[string]any) any {
	if len(Object(parts)) == 0 {
		return nil
	}
	return parts
}

// OrNone is the fact, or none for an empty text.
func OrNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Human writes a number of bytes as Facter does: "1.95 GiB".
func Human(bytes int64) string {
	if bytes < 1024 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	f := float64(bytes)
	units := "KMGTPE"
	for {
		f /= 1024
		if f < 1024 || len(units) == 1 { // 1023.999 is written 1024.00, as by Facter
			return fmt.Sprintf("%.2f %ciB", f, units[0])
		}
		units = units[1:]
	}
}

// Share writes a part of a whole as Facter does: "12.34%".
func Share(part, whole int64) string {
	switch {
	case whole <= 0 || part <= 0:
		return "0%"
	case part >= whole:
		return "100%"
	}
	return fmt.Sprintf("%.2f%%", float64(part)/float64(whole)*100)
}

// Texts turns strings into the elements of a list.
func Texts(s []string) []any {
	all := make([]any, len(s))
	for i := range s {
		all[i] = s[i]
	}
	return all
}
