// Package files reads and parses what a compilation depends on, manifests and files of variables, within bounds, and keeps the texts for who
// explains the mistakes in them.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/json"
	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/limits"
)

// lockFile stands beside manifests and is none.
const lockFile = "apply.lock.hcl"

// source is one file, read and parsed.
type source struct {
	name  string // as positions name it
	src   []byte
	file  *hcl.File
	diags hcl.Diagnostics
}

// named is a file to be read: where it is, and how positions name it.
type named struct{ path, shown string }

// list lists the manifests at path in lexical order: path itself, or those of a folder.
func list(path, shown string) ([]named, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if !info.IsDir() {
		return []named{{path, shown}}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, reason(err)
	}
	var names []named
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || name == lockFile || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".hcl") && !strings.HasSuffix(name, ".hcl.json") {
			continue
		}
		names = append(names, named{filepath.Join(path, name), filepath.Join(shown, name)})
	}
	if len(names) == 0 {
		return nil, errors.New("no manifest in this folder: no file ends in .hcl or .hcl.json")
	}
	return names, nil
}

// reason takes operation and name off a file error.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// read reads the files one after the other and parses them side by side.
func (r *Reader) read(ctx context.Context, names []named) []*source {
	out := make([]*source, len(names))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		s := &source{name: name.shown}
		out[i] = s
		src, err := limits.ReadFile(limits.Host{}, name.path, limits.MaxFile)
		if err != nil {
			s.diags = unreadable(name.shown, err)
			continue
		}
		s.src = src
		if strings.HasSuffix(s.name, ".json") { // HCL passes over a byte order mark in native syntax alone
			s.src = bytes.TrimPrefix(src, []byte(byteOrderMark))
		}
		if r.total += len(src); r.total > limits.MaxTotal {
			s.diags = unreadable(name.shown, fmt.Errorf("with this file, all manifests together are over the limit of %d MiB", limits.MaxTotal>>20))
			continue
		}
		g.Go(func() error { s.parse(ctx); return nil })
	}
	_ = g.Wait() // what went wrong is in each file's diagnostics
	return out
}

func unreadable(name string, err error) hcl.Diagnostics {
	detail := strings.TrimPrefix(reason(err).Error(), name+": ")
	return hcl.Diagnostics{diag.Errorf(&hcl.Range{Filename: name}, Unreadable, "%s.", detail)}
}

// Unreadable is the summary of a file that cannot be read, for whatever it is read; who reads it for something else than a manifest says so.
const Unreadable = "Unreadable manifest"

// parse parses within bounds: what is too big or too deep for the parser is refused before it.
func (s *source) parse(ctx context.Context) {
	if s.diags = limits.Check(s.name, s.src); s.diags.HasErrors() {
		return
	}
	var file *hcl.File
	var diags hcl.Diagnostics
	err := limits.Run(ctx, func() {
		if strings.HasSuffix(s.name, ".json") {
			file, diags = json.Parse(s.src, s.name)
			if len(diags) > 1 { // of a text that cannot be read HCL also says that it is no object
				diags = slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool { return d.Summary == "Root value must be object" })
			}
			diags = slices.CompactFunc(diags, func(a, b *hcl.Diagnostic) bool {
				return a.Subject != nil && b.Subject != nil && a.Subject.Start == b.Subject.Start
			})
		} else {
			file, diags = parse(s.src, s.name, pieceSize)
			diags = diag.Parsing(diags, file, "a block, such as `file \"/etc/motd\" { ... }`, or an attribute, such as `mode = \"0644\"`")
		}
	})
	if err != nil {
		s.diags = unreadable(s.name, err)
		return
	}
	s.file, s.diags = file, diags
}
