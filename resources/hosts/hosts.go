// Package hosts is the resource type host: one entry of /etc/hosts, a name with its address. Other lines keep their bytes.
package hosts

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/text"
)

var (
	_ resources.Resource   = (*Host)(nil)
	_ resources.Validator  = (*Host)(nil)
	_ resources.Identified = (*Host)(nil)
	_ resources.Toucher    = (*Host)(nil)
	_ resources.Locker     = (*Host)(nil)
	_ resources.Lister     = (*Host)(nil)
)

const table = "/etc/hosts"

// Type is host.
func Type() resources.Type {
	return resources.Type{
		Name: "host",
		New:  func(title string) resources.Resource { return &Host{Name: title, Ensure: present, Target: table} },
	}
}

// Address is one of IPv4 or IPv6.
type Address string

// UnmarshalAttr accepts a string. An empty one is no address: it would leave the host at whatever address it has, and it is null that says so.
func (a *Address) UnmarshalAttr(v any) error {
	text, ok := v.(string)
	if !ok || text == "" {
		return fmt.Errorf("%q is no IPv4 or IPv6 address", fmt.Sprint(v))
	}
	*a = Address(text)
	return nil
}

// Host is an entry of /etc/hosts: the line whose first name is this one. A name has one entry for IPv4 and one for IPv6; further lines of the
// same kind for it are removed, so that it stands for the declared address and no other.
type Host struct {
	// The host's name, the first on its line. Default: the title.
	Name string `hcl:"name,title,public"`
	// A string: its address, IPv4 or IPv6. Not set: the first entry that is there is managed, whatever its address, and others of the name stay.
	IP Address `hcl:"ip"`
	// Further names of the host, one or a list, in any order. Not set: left as they are.
	HostAliases resources.Strings `hcl:"host_aliases"`
	// What stands behind the `#` of the line. Not set: left as it is.
	Comment *string `hcl:"comment"`
	// The file. Default: `/etc/hosts`.
	Target string `hcl:"target,public"`
	// `present` (default) or `absent`: then, without `ip`, the entries of both kinds.
	Ensure string `hcl:"ensure"`
}

const (
	present = "present"
	absent  = "absent"
)

// label is one part of a host name; underscores are no part of the standard, and used.
var label = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

func checkName(name string) error {
	if len(name) > 253 {
		return fmt.Errorf("%.20q... is longer than 253 characters", name)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if !label.MatchString(part) {
			return fmt.Errorf("%q is no host name", name)
		}
	}
	return nil
}

// Validate checks names and addresses by their grammar.
func (e *Host) Validate() error {
	var bad resources.Mistakes
	bad.Add("name", checkName(e.Name))
	for _, a := range e.HostAliases {
		bad.Add("host_aliases", checkName(a))
	}
	if e.IP != "" {
		if a, err := netip.ParseAddr(string(e.IP)); err != nil || a.Zone() != "" {
			bad.Addf("ip", "%q is no IPv4 or IPv6 address", e.IP)
		}
	}
	if e.Comment != nil && strings.ContainsAny(*e.Comment, "\n\r\x00") {
		bad.Addf("comment", "it must be one line")
	}
	bad.OneOf("ensure", e.Ensure, present, absent)
	if !path.IsAbs(e.Target) || path.Clean(e.Target) != e.Target {
		bad.Addf("target", "%q is no absolute path in its shortest form", e.Target)
	}
	return bad.Err()
}

// Provides is the name for each kind of address that is managed.
func (e *Host) Provides() []resources.Identity {
	var ids []resources.Identity
	for _, kind := range []string{"IPv4", "IPv6"} {
		if e.IP == "" || kind == kindOf(string(e.IP)) {
			ids = append(ids, resources.Identity{Kind: "host", Name: e.Target + " " + strings.ToLower(e.Name) + " " + kind})
		}
	}
	return ids
}

// Requires is the file.
func (e *Host) Requires() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: e.Target, Nearest: true}}
}

// Touches is the file, of which the entry is a part.
func (e *Host) Touches() []resources.Touch {
	if e.Ensure == absent {
		return nil
	}
	return []resources.Touch{{Path: e.Target, How: resources.Edits}}
}

// Locks keeps two entries from editing the file at a time.
func (e *Host) Locks() []string { return []string{e.Target} }

func kindOf(ip string) string {
	if a, err := netip.ParseAddr(ip); err == nil && a.Unmap().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// entry is one line of the file that holds one.
type entry struct {
	at      int // index of the line
	ip      string
	name    string
	aliases []string
	comment string
}

// parse reads a line; nil for a comment, an empty or incomplete one, and one that does not begin with an address, which nobody reads.
func parse(line string) *entry {
	fields, comment, _ := strings.Cut(line, "#")
	f := strings.Fields(fields)
	if len(f) < 2 {
		return nil
	}
	if _, err := netip.ParseAddr(f[0]); err != nil {
		return nil
	}
	return &entry{ip: f[0], name: f[1], aliases: f[2:], comment: strings.TrimSpace(comment)}
}

// String is the line of the entry.
func (e *entry) String() string {
	s := e.ip + "\t" + e.name
	if len(e.aliases) > 0 {
		s += "\t" + strings.Join(e.aliases, " ")
	}
	if e.comment != "" {
		s += "\t# " + e.comment
	}
	return s
}

// find returns the entries of the name, the one that is to stay first.
func (e *Host) find(f *text.File) []*entry {
	var all []*entry
	for i, line := range f.Lines {
		x := parse(text.Body(line))
		if x == nil || !strings.EqualFold(x.name, e.Name) || e.IP != "" && kindOf(x.ip) != kindOf(string(e.IP)) {
			continue
		}
		x.at = i
		if len(all) > 0 && sameIP(x.ip, string(e.IP)) && !sameIP(all[0].ip, string(e.IP)) {
			all = slices.Insert(all, 0, x)
		} else {
			all = append(all, x)
		}
	}
	if e.IP == "" && e.Ensure == present && len(all) > 1 {
		all = all[:1]
	}
	return all
}

func sameIP(a, b string) bool {
	x, err1 := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	return err1 == nil && err2 == nil && x == y
}

// wanted is the entry as declared; what is not declared is taken from the one that is there.
func (e *Host) wanted(is *entry) *entry {
	w := &entry{name: e.Name, ip: string(e.IP)}
	if is != nil {
		*w = *is
		if !sameIP(is.ip, string(e.IP)) && e.IP != "" {
			w.ip = string(e.IP)
		}
	}
	if e.HostAliases != nil && !sameSet(w.aliases, e.HostAliases) {
		w.aliases = e.HostAliases
	}
	if e.Comment != nil {
		w.comment = strings.TrimSpace(*e.Comment)
	}
	return w
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Check compares the entry.
func (e *Host) Check(_ context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	f, err := text.Read(v, e.Target)
	if err != nil {
		return d, err
	}
	all := e.find(f)
	switch {
	case e.Ensure == absent && len(all) > 0:
		d.Compare("ensure", present, absent)
	case e.Ensure == absent:
	case len(all) == 0 && e.IP == "":
		return d, &resources.AttrError{Attr: "ip", Err: fmt.Errorf("is needed: %s has no entry for %s", e.Target, e.Name)}
	case len(all) == 0:
		d.Compare("ensure", absent, present)
	default:
		w := e.wanted(all[0])
		ips := make([]string, len(all))
		for i, x := range all {
			ips[i] = x.ip
		}
		d.Compare("ip", strings.Join(ips, ", "), w.ip)
		d.Compare("host_aliases", strings.Join(all[0].aliases, " "), strings.Join(w.aliases, " "))
		d.Compare("comment", all[0].comment, w.comment)
	}
	if d.Empty() {
		return d, nil
	}
	return d, f.Writable(v)
}

// Apply edits the file.
func (e *Host) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	f, err := text.Read(h, e.Target) // under the lock: another entry may have been written since the check
	if err != nil {
		return err
	}
	all := e.find(f)
	switch {
	case e.Ensure == absent:
	case len(all) == 0:
		f.Insert(len(f.Lines), e.wanted(nil).String())
	default:
		f.Replace(all[0].at, e.wanted(all[0]).String())
		all = all[1:]
	}
	f.Remove(func(i int, _ string) bool { return slices.ContainsFunc(all, func(x *entry) bool { return x.at == i }) })
	return f.Write(ctx, h, host.Meta{})
}

// Inspect fills the attributes from the first entry of the name.
func (e *Host) Inspect(_ context.Context, v host.View) error {
	f, err := text.Read(v, e.Target)
	if err != nil {
		return err
	}
	all := e.find(f)
	if len(all) == 0 {
		e.Ensure = absent
		return nil
	}
	e.Ensure, e.IP, e.Name = present, Address(all[0].ip), all[0].name
	if n := len(e.find(f)); n > 1 {
		return fmt.Errorf("%d lines of %s are of that name: there is no such state to declare", n, e.Target)
	}
	if len(all[0].aliases) > 0 {
		e.HostAliases = all[0].aliases
	}
	if all[0].comment != "" {
		e.Comment = &all[0].comment
	}
	return nil
}

// List returns the first names of the lines of /etc/hosts that match, each once.
func (e *Host) List(_ context.Context, v host.View, of string) ([]string, error) {
	f, err := text.Read(v, e.Target)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, line := range f.Lines {
		if x := parse(text.Body(line)); x != nil && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, x.name) }) {
			names = append(names, x.name)
		}
	}
	return resources.Select(of, names), nil
}
