package syntax

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"golang.org/x/sync/errgroup"
)

// lockFile stands beside manifests and is none.
const lockFile = "apply.lock.hcl"

// Check looks at the text of a file before it is parsed: the parser itself is not bounded.
type Check func(name string, src []byte) hcl.Diagnostics

// source is one file, read and parsed.
type source struct {
	name  string // as positions name it
	src   []byte
	file  *hcl.File
	diags hcl.Diagnostics
}

// files lists the manifests at path in lexical order: path itself, or those of a folder.
func files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, reason(err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if name == lockFile || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".hcl") && !strings.HasSuffix(name, ".hcl.json") {
			continue
		}
		names = append(names, filepath.Join(path, name))
	}
	if len(names) == 0 {
		return nil, errors.New("no manifest in this folder: no file ends in .hcl or .hcl.json")
	}
	return names, nil
}

// reason takes operation and name off a file error.
func reason(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// read parses the files side by side. The names are the ones that positions get.
func read(ctx context.Context, names []string, budget *int64, check Check) []*source {
	out := make([]*source, len(names))
	for i, name := range names {
		src, err := readFile(name, budget)
		out[i] = &source{name: name, src: src}
		if err != nil {
			out[i].diags = hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unreadable manifest", Detail: name + ": " + err.Error() + ".", Subject: &hcl.Range{Filename: name}}}
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range out {
		g.Go(func() error {
			if !s.diags.HasErrors() {
				s.parse(check)
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return []*source{{diags: hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Interrupted", Detail: err.Error()}}}}
	}
	return out
}

func (s *source) parse(check Check) {
	if !utf8.Valid(s.src) {
		s.diags = hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Not UTF-8", Detail: "A manifest is UTF-8 text; the bytes here are not.", Subject: invalidUTF8(s.name, s.src)}}
		return
	}
	if check != nil {
		if s.diags = check(s.name, s.src); s.diags.HasErrors() {
			return
		}
	}
	if strings.HasSuffix(s.name, ".json") {
		s.file, s.diags = json.Parse(s.src, s.name)
		return
	}
	s.file, s.diags = hclsyntax.ParseConfig(s.src, s.name, hcl.InitialPos)
}

func invalidUTF8(name string, src []byte) *hcl.Range {
	pos := hcl.InitialPos
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		pos.Column++
		if r == '\n' {
			pos.Line, pos.Column = pos.Line+1, 1
		}
		i += n
		pos.Byte = i
	}
	end := pos
	end.Byte++
	end.Column++
	return &hcl.Range{Filename: name, Start: pos, End: end}
}

// MaxFile bounds one file, MaxTotal all that one compilation reads, in bytes.
const (
	MaxFile  = 1 << 20
	MaxTotal = 16 << 20
)

// readFile reads a regular file and nothing else: neither a pipe nor a device makes it wait.
func readFile(name string, budget *int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(info.Mode())
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(info.Mode())
	}
	limit := min(MaxFile, *budget)
	src, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, reason(err)
	}
	if int64(len(src)) > limit {
		if limit < MaxFile {
			return nil, fmt.Errorf("over the limit of %d MiB for all manifests together", MaxTotal>>20)
		}
		return nil, fmt.Errorf("over the limit of %d MiB for one manifest", MaxFile>>20)
	}
	*budget -= int64(len(src))
	return src, nil
}

func notRegular(m fs.FileMode) error {
	kinds := []struct {
		bits fs.FileMode
		name string
	}{{fs.ModeDir, "a folder"}, {fs.ModeNamedPipe, "a named pipe"}, {fs.ModeSocket, "a socket"}, {fs.ModeDevice, "a device"}}
	i := slices.IndexFunc(kinds, func(k struct {
		bits fs.FileMode
		name string
	}) bool {
		return m&k.bits != 0
	})
	if i < 0 {
		return errors.New("not a regular file")
	}
	return fmt.Errorf("%s, not a regular file", kinds[i].name)
}
