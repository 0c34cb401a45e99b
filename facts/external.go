package facts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/facts/internal/factfile"
	"github.com/nodeapply/apply/host"
)

const (
	sideBySide = 8               // files of a folder that are read at a time
	ending     = 8 * time.Second // what an executable whose deadline is over may take until nothing of it is left
)

// folder is what a folder of external facts holds.
type folder struct {
	facts    map[string]any
	warnings []string // "NAME: reason" of what could not be read, and is therefore undefined
}

// readFolder reads all files of a folder, side by side. Of a fact that several of them have, that of the lexically last file is taken.
func (s *Set) readFolder(ctx context.Context, dir string) folder {
	f := folder{facts: map[string]any{}}
	names, err := within(ctx, deadline, func(context.Context) ([]string, error) { return s.list(dir) })
	if err != nil {
		f.warnings = append(f.warnings, fmt.Sprintf("%s: %v", dir, err))
		return f
	}
	read := make([]map[string]any, len(names))
	failed := make([]error, len(names))
	var files errgroup.Group
	files.SetLimit(sideBySide)
	for i, name := range names {
		files.Go(func() error {
			read[i], failed[i] = s.readFile(ctx, path.Join(dir, name))
			return nil
		})
	}
	_ = files.Wait() // failed has the errors
	for i, name := range names {
		maps.Copy(f.facts, read[i])
		if failed[i] != nil {
			f.warnings = append(f.warnings, fmt.Sprintf("%s: %s", path.Join(dir, name), cut(failed[i].Error())))
		}
	}
	return f
}

// list returns the names of a folder that may be facts, in lexical order. Only folders that were asked for have to be there.
func (s *Set) list(dir string) ([]string, error) {
	real, st, err := host.Resolve(s.view, dir)
	switch {
	case err != nil:
		return nil, err
	case st.Kind == host.Absent:
		if slices.Contains(s.folders[1:], dir) {
			return nil, errors.New("no such folder")
		}
		return nil, nil
	case st.Kind != host.Directory:
		return nil, fmt.Errorf("is a %s, not a folder", st.Kind)
	}
	var names []string
	for name, err := range s.view.ReadDir(real) {
		if err != nil {
			return nil, err
		}
		if !leftover(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// leftover says whether a file is hidden, or what an editor or a package manager leaves beside the real one.
func leftover(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
		return true
	}
	switch path.Ext(name) {
	case ".bak", ".orig", ".swp", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".rpmnew", ".rpmsave", ".rpmorig":
		return true
	}
	return false
}

// readFile returns the facts of one file or executable by their names. Facts can come with an error: it is about others of the file.
func (s *Set) readFile(ctx context.Context, name string) (map[string]any, error) {
	type content struct {
		b      []byte
		format factfile.Format
	}
	c, err := within(ctx, deadline+ending, func(ctx context.Context) (c content, err error) {
		real, st, err := host.Resolve(s.view, name)
		if err != nil {
			return c, err
		}
		format, known := factfile.FormatOf(name)
		c.format = format
		switch {
		case st.Kind == host.Directory:
		case st.Kind == host.Absent:
			return c, errors.New("a link that leads nowhere")
		case st.Kind != host.Regular:
			return c, fmt.Errorf("is a %s, not a file", st.Kind)
		case known:
			c.b, err = within(ctx, deadline, func(context.Context) ([]byte, error) { return s.content(real, st) })
		case st.Mode&0o111 != 0:
			c.b, err = s.output(ctx, real)
		default:
			return c, errors.New("ignored: neither .json, .yaml or .txt nor executable")
		}
		return c, err
	})
	if err != nil {
		return nil, err
	}
	facts, err := factfile.Parse(c.format, c.b)
	if err != nil {
		return nil, err
	}
	return named(facts)
}

func (s *Set) content(name string, st host.Stat) ([]byte, error) {
	if st.Size > factfile.MaxBytes {
		return nil, fmt.Errorf("larger than the limit of %d bytes", factfile.MaxBytes)
	}
	f, err := s.view.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, factfile.MaxBytes+1))
}

// output runs an executable. All of its processes have ended when it returns.
func (s *Set) output(ctx context.Context, name string) ([]byte, error) {
	if err := s.trusted(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("timed out after %s", deadline))
	defer cancel()
	out, err := s.view.Query(ctx, host.Cmd{Args: []string{name}, MaxOutput: factfile.MaxBytes})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("the program that its first line names is not there")
	case errors.Is(err, unix.ENOEXEC):
		return nil, errors.New("is no program: no #! begins its first line")
	case err != nil:
		return nil, err
	case out.ExitCode != 0:
		return nil, fmt.Errorf("exit code %d%s", out.ExitCode, lastLine(out.Stderr))
	case out.Truncated:
		return nil, fmt.Errorf("more output than the limit of %d bytes", factfile.MaxBytes)
	}
	return out.Stdout, nil
}

// lastLine is what a program said last, to be put behind its exit code.
func lastLine(stderr []byte) string {
	s := strings.TrimSpace(string(stderr))
	s = s[strings.LastIndexByte(s, '\n')+1:]
	if s == "" {
		return ""
	}
	return ": " + s
}

// cut bounds what a file makes us say.
func cut(s string) string {
	const limit = 300
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// trusted says whether nobody but root and the user can have written the executable, or can replace it.
func (s *Set) trusted(name string) error {
	for part, last := name, false; !last; part = path.Dir(part) {
		last = part == "/"
		st, err := s.view.Lstat(part)
		if err != nil {
			return err
		}
		if st.UID != 0 && st.UID != uint32(os.Geteuid()) {
			return fmt.Errorf("not run: %s is owned by user %d, want root or the user that runs this", part, st.UID)
		}
		// In a folder with the sticky bit others can add files, and not replace any.
		sticky := st.Kind == host.Directory && st.Mode&0o1000 != 0
		if st.Kind != host.Symlink && st.Mode&0o022 != 0 && !sticky {
			return fmt.Errorf("not run: others can write %s (mode %04o)", part, st.Mode)
		}
	}
	return nil
}

// named returns the facts by lower case names. Those whose names are none are left out, and told.
func named(facts map[string]any) (map[string]any, error) {
	all := make(map[string]any, len(facts))
	var bad []string
	for _, k := range slices.Sorted(maps.Keys(facts)) {
		name := strings.ToLower(k)
		if err := checkName(name); err != nil {
			bad = append(bad, err.Error())
			continue
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		all[name] = facts[k]
	}
	if len(bad) > 0 {
		return all, errors.New(strings.Join(bad, "; "))
	}
	return all, nil
}
