// Package sysctl is the resource type of kernel parameters: the live value in /proc/sys, and the one that is set at boot.
package sysctl

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/flags"
	"github.com/nodeapply/apply/resources/internal/text"
	"github.com/nodeapply/apply/resources/internal/tool"
)

var (
	_ resources.Resource   = (*Sysctl)(nil)
	_ resources.Validator  = (*Sysctl)(nil)
	_ resources.Identified = (*Sysctl)(nil)
	_ resources.Toucher    = (*Sysctl)(nil)
	_ resources.Locker     = (*Sysctl)(nil)
	_ resources.Restorer   = (*Sysctl)(nil)
	_ resources.Lister     = (*Sysctl)(nil)
)

// Type is sysctl.
func Type() resources.Type {
	return resources.Type{Name: "sysctl", New: func(title string) resources.Resource { return &Sysctl{Name: title, Persist: true} }}
}

// Sysctl is a parameter of the kernel: its live value and, with `persist`, the one that it gets at boot.
//
// The latter is a file of its own, /etc/sysctl.d/99-zz-apply-NAME.conf, which comes after those that packages and administrators bring, so that the
// declared value is the one that counts. No other file is changed.
type Sysctl struct {
	// The parameter, such as `net.ipv4.ip_forward`. Slashes are as good as dots: `net/ipv4/conf/eth0.1/rp_filter` where a name has dots of its own. Default: the title.
	Name string `hcl:"name,title,public"`
	// Its value. Several numbers are separated by blanks.
	Value resources.Scalar `hcl:"value,required,empty"`
	// Whether the value is set at boot too; false: the file of it is removed. Default: true.
	Persist bool `hcl:"persist"`
}

const (
	live    = "/proc/sys"
	folder  = "/etc/sysctl.d"
	maxName = 200 // bytes: the name is part of a file's
)

var step = regexp.MustCompile(`^[A-Za-z0-9_@:][A-Za-z0-9_@:.-]*$`)

// steps are the parts of the name. Of dots and slashes the one that comes first separates, as in sysctl.d(5).
func (s *Sysctl) steps() []string {
	if i := strings.IndexAny(s.Name, "./"); i >= 0 && s.Name[i] == '/' {
		return strings.Split(s.Name, "/")
	}
	steps := strings.Split(s.Name, ".")
	for i := range steps {
		steps[i] = strings.ReplaceAll(steps[i], "/", ".") // net.ipv4.conf.eth0/1.rp_filter
	}
	return steps
}

// file is where the kernel has the parameter.
func (s *Sysctl) file() string { return path.Join(live, strings.Join(s.steps(), "/")) }

// key is the name as sysctl.d(5) writes it.
func (s *Sysctl) key() string { return strings.Join(s.steps(), "/") }

// conf is the file of the parameter.
func (s *Sysctl) conf() string {
	return path.Join(folder, "99-zz-apply-"+strings.Join(s.steps(), ".")+".conf")
}

// Validate checks name and value by their grammar.
func (s *Sysctl) Validate() error {
	var bad resources.Mistakes
	steps := s.steps()
	for _, p := range steps {
		if !step.MatchString(p) || len(steps) < 2 || len(s.Name) > maxName {
			bad.Addf("name", "%q is no name of a kernel parameter", s.Name)
			break
		}
	}
	switch v := string(s.Value); {
	case strings.ContainsAny(v, "\n\r\x00") || v != "" && words(v) == "":
		bad.Addf("value", "it must be one line")
	case v == "true" || v == "false":
		bad.Addf("value", "the kernel knows no booleans: want 1 or 0, not %s", v)
	}
	return bad.Err()
}

// words is a value with single blanks, as values are compared: the kernel has tabs.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// Provides is the parameter.
func (s *Sysctl) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "sysctl", Name: s.key()}}
}

// Requires is the folder of the file.
func (s *Sysctl) Requires() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: s.conf(), Nearest: true}}
}

// Touches is the file that sets the value at boot.
func (s *Sysctl) Touches() []resources.Touch {
	if !s.Persist {
		return nil
	}
	return []resources.Touch{{Path: s.conf(), How: resources.Edits}}
}

// Locks keeps two parameters from making the folder at a time.
func (s *Sysctl) Locks() []string { return []string{folder} }

// value is the live one.
func (s *Sysctl) value(v host.View) (string, error) {
	st, err := v.Lstat(s.file())
	switch {
	case err != nil:
		return "", err
	case st.Kind == host.Absent:
		return "", fmt.Errorf("%s: this kernel has no such parameter; is its module loaded?", s.Name)
	case st.Mode&0o444 == 0:
		return "", fmt.Errorf("%s: this kernel lets nobody read it: whether it is as declared cannot be known", s.Name)
	}
	content, err := host.ReadFile(v, s.file())
	return words(content), err
}

// content is the file that sets the value at boot, "" for none.
func (s *Sysctl) content() string {
	if !s.Persist {
		return ""
	}
	return "# Written by apply: sysctl " + s.Name + "\n" + s.key() + " = " + words(string(s.Value)) + "\n"
}

// booted is the value in a file's content, "" for none.
func booted(content string) string {
	for line := range strings.Lines(content) {
		if _, v, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			return words(v)
		}
	}
	return ""
}

// Check compares the live value and the file.
func (s *Sysctl) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	is, err := s.value(v)
	if err != nil {
		return d, err
	}
	if want := words(string(s.Value)); is != want {
		if err := s.writable(ctx, v); err != nil {
			return d, &resources.AttrError{Attr: "value", Err: fmt.Errorf("it is %q, and %w", is, err)}
		}
		d.Changes = append(d.Changes, resources.Change{Attr: "value", From: is, To: want})
	}
	f, err := text.Read(v, s.conf())
	if err != nil {
		return d, err
	}
	if f.String() == s.content() && f.There == s.Persist {
		return d, nil
	}
	d.Changes = append(d.Changes, resources.Change{Attr: "persist", From: persisted(f.String()), To: persisted(s.content())})
	return d, s.changeable(v, f)
}

// writable is an error where the live value cannot be changed: by this kernel, or in a container, which often has /proc/sys to read only.
func (s *Sysctl) writable(ctx context.Context, v host.View) error {
	st, err := v.Lstat(s.file())
	if err != nil {
		return err
	}
	if st.Mode&0o222 == 0 {
		return errors.New("this kernel lets nobody change it")
	}
	mounts, err := v.Mounts(ctx)
	if err != nil {
		return err
	}
	var in host.Mount
	for _, m := range mounts {
		if host.Within(s.file(), m.Point) { // a later one covers those before it
			in = m
		}
	}
	if slices.Contains(in.Options, "ro") {
		return fmt.Errorf("%s is mounted read-only: %w", in.Point, unix.EROFS)
	}
	return nil
}

// changeable is an error where the file, or the folder that it needs, cannot be made or removed.
func (s *Sysctl) changeable(v host.View, f *text.File) error {
	st, err := v.Lstat(folder)
	switch {
	case !s.Persist:
		return flags.Change(v, host.OpRemove, s.conf())
	case err == nil && st.Kind == host.Absent:
		return flags.Change(v, host.OpMkdir, folder)
	}
	return f.Writable(v)
}

// persisted is how a change shows a file.
func persisted(content string) string {
	if content == "" {
		return "false"
	}
	return "true (" + booted(content) + ")"
}

// Apply sets the live value first: what the kernel refuses is not kept for the next boot.
func (s *Sysctl) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	if d.Has("value") {
		if err := s.change(ctx, h); err != nil {
			return err
		}
	}
	switch {
	case !d.Has("persist"):
		return nil
	case !s.Persist:
		return h.Remove(ctx, s.conf(), false)
	}
	if err := host.MakeFolders(ctx, h, folder); err != nil {
		return err
	}
	f := &text.File{Name: s.conf(), Lines: text.Split(s.content())}
	return f.Write(ctx, h, host.Meta{})
}

// change sets the declared value. A kernel may take it and keep another (a list written in fewer words, a number within bounds): then what was before
// is put back, for neither this run nor the next would find what is declared.
func (s *Sysctl) change(ctx context.Context, h host.Host) error {
	was, err := s.value(h)
	if err != nil {
		return err
	}
	want := words(string(s.Value))
	if err := s.set(ctx, h, want); err != nil {
		return err
	}
	is, err := s.value(h)
	if err != nil || is == want {
		return err
	}
	err = &resources.AttrError{Attr: "value", Err: fmt.Errorf("the kernel takes %q and keeps %q: declare what it keeps", want, is)}
	return errors.Join(err, s.set(ctx, h, was))
}

// set writes the live value. A file of /proc cannot be replaced, and sysctl(8) is not on every node; tee(1) is.
func (s *Sysctl) set(ctx context.Context, h host.Host, value string) error {
	return tool.Run(ctx, h, host.Cmd{Args: []string{"tee", "--", s.file()}, Stdin: strings.NewReader(value + "\n")})
}

// Inspect fills the value, and whether the file of it is there.
func (s *Sysctl) Inspect(_ context.Context, v host.View) error {
	is, err := s.value(v)
	if err != nil {
		return err
	}
	s.Value = resources.Scalar(is)
	f, err := text.Read(v, s.conf())
	s.Persist = f != nil && f.There
	return err
}

// lastPID is another one with each process.
const lastPID = "ns_last_pid"

// List returns the parameters whose names match. A name without a pattern stands for all below it: sysctl:net.ipv4.
func (s *Sysctl) List(ctx context.Context, v host.View, of string) ([]string, error) {
	at := &Sysctl{Name: of}
	base, _, pattern := strings.Cut(of, "*")
	if pattern {
		at.Name = base[:strings.LastIndexAny(base, "./")+1]
	} else {
		of += "*"
	}
	var names []string
	var walk func(dir string) error
	walk = func(dir string) error {
		for entry, err := range v.ReadDir(dir) {
			if err != nil {
				return err
			}
			name := path.Join(dir, entry)
			st, err := v.Lstat(name)
			switch {
			case err != nil:
				return err
			case st.Kind == host.Directory:
				if err := walk(name); err != nil {
					return err
				}
			case st.Kind == host.Regular && st.Mode&0o600 == 0o600 && entry != lastPID: // what can be read alone or written alone is no state
				names = append(names, dotted(strings.TrimPrefix(name, live+"/")))
			}
		}
		return ctx.Err()
	}
	root := path.Join(live, strings.Join(at.steps(), "/"))
	if st, err := v.Lstat(root); err != nil || st.Kind != host.Directory {
		return []string{strings.TrimSuffix(of, "*")}, err
	}
	err := walk(root)
	return resources.Select(of, names), err
}

// dotted is the name of a parameter by its file's.
func dotted(name string) string {
	return strings.NewReplacer("/", ".", ".", "/").Replace(name)
}
