// Package node finds the built-in facts of a node, with the names and the structure that Facter gives them.
//
// One function finds one fact. It reads by the [host.View], and hands what it read to a function that parses. What a node does not have is
// left out, without an error. No process is started.
package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

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

// New is the node that the view is of. What does not come from the view comes from the machine that this process runs on.
func New(v host.View) *Node {
	return &Node{View: v, Machine: machine, Interfaces: interfaces, EUID: os.Geteuid(), EGID: os.Getegid(), Now: time.Now}
}

func machine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}

// finder finds one fact; nil is none.
type finder func(ctx context.Context, n *Node) (any, error)

// finders returns how each fact is found.
func finders() map[string]finder {
	return map[string]finder{
		"boot_id":          bootID,
		"disks":            disks,
		"dmi":              dmi,
		"fqdn":             fqdn,
		"hostname":         hostname,
		"identity":         identity,
		"ip":               ip,
		"is_virtual":       isVirtual,
		"kernel":           kernel,
		"kernelmajversion": kernelMajVersion,
		"kernelrelease":    kernelRelease,
		"kernelversion":    kernelVersion,
		"load_averages":    loadAverages,
		"memory":           memory,
		"mountpoints":      mountpoints,
		"networking":       networking,
		"os":               operatingSystem,
		"package_manager":  packageManager,
		"partitions":       partitions,
		"processors":       processors,
		"service_manager":  serviceManager,
		"ssh":              ssh,
		"system_uptime":    systemUptime,
		"timezone":         timezone,
		"virtual":          virtual,
	}
}

// Names lists the facts that Find knows, in lexical order. A node may lack some.
func Names() []string { return slices.Sorted(maps.Keys(finders())) }

// Find returns one fact; nil if the node does not have it.
func (n *Node) Find(ctx context.Context, name string) (any, error) {
	find, ok := finders()[name]
	if !ok {
		return nil, nil
	}
	return find(ctx, n)
}

// file is the content of a file, "" if it is not there.
func (n *Node) file(name string) (string, error) {
	s, err := host.ReadFile(n.View, name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// word is the content of a file of one value, without what is around it; "" if it is not there or not for us to read.
func (n *Node) word(name string) string {
	s, err := host.ReadFile(n.View, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Trim(s, "\x00"))
}

// there says what is at name, a trustworthy link followed.
func (n *Node) there(name string) host.Kind {
	_, st, err := host.Resolve(n.View, name)
	if err != nil {
		return host.Absent
	}
	return st.Kind
}

// linked says whether there is a link, as sysfs has them for what belongs to a device.
func (n *Node) linked(name string) bool {
	st, err := n.View.Lstat(name)
	return err == nil && st.Kind == host.Symlink
}

// list is what is in a folder, nothing if it is not there.
func (n *Node) list(dir string) []string {
	dir, st, err := host.Resolve(n.View, dir)
	if err != nil || st.Kind != host.Directory {
		return nil
	}
	var names []string
	for name, err := range n.View.ReadDir(dir) {
		if err != nil {
			break
		}
		names = append(names, name)
	}
	return names
}

// object is a structured fact without the parts that are empty: "", nil, and what is empty itself.
func object(parts map[string]any) map[string]any {
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

// orNil is the fact, or none if there is nothing in it.
func orNil(parts map[string]any) any {
	if len(object(parts)) == 0 {
		return nil
	}
	return parts
}

// orNone is the fact, or none for an empty text.
func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// human writes a number of bytes as Facter does: "1.95 GiB".
func human(bytes int64) string {
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

// share writes a part of a whole as Facter does: "12.34%".
func share(part, whole int64) string {
	switch {
	case whole <= 0 || part <= 0:
		return "0%"
	case part >= whole:
		return "100%"
	}
	return fmt.Sprintf("%.2f%%", float64(part)/float64(whole)*100)
}

// texts turns strings into the elements of a list.
func texts(s []string) []any {
	all := make([]any, len(s))
	for i := range s {
		all[i] = s[i]
	}
	return all
}
