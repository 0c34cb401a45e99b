package files

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/manifest/limits"
)

// Reader reads files. Its limits and the texts it keeps hold for all of them together. The zero value is ready.
type Reader struct {
	total int // bytes read so far
	files map[string]*hcl.File
}

// File returns a file that was read; nil if there is none of that name.
func (r *Reader) File(name string) *hcl.File { return r.files[name] }

// Writes says whether a text stands in any file that was read.
func (r *Reader) Writes(text string) bool {
	for _, f := range r.files {
		if bytes.Contains(f.Bytes, []byte(text)) {
			return true
		}
	}
	return false
}

// Manifests reads the file at path, or all manifests of a folder, in lexical order; shown is how positions write the path. Single says that it is
// a file. What could not be parsed has no body.
func (r *Reader) Manifests(ctx context.Context, path, shown string) (bodies []hcl.Body, single bool, diags hcl.Diagnostics) {
	names, err := list(path, shown)
	if err != nil {
		return nil, false, unreadable(shown, err)
	}
	for _, s := range r.read(ctx, names) {
		r.keep(s)
		diags = append(diags, s.diags...)
		if !s.diags.HasErrors() {
			bodies = append(bodies, s.file.Body)
		}
	}
	return bodies, len(names) == 1 && names[0].path == path, diags
}

// Body reads a file that holds plain attributes, in either syntax; nil with diagnostics if it cannot be read.
func (r *Reader) Body(ctx context.Context, name string) (hcl.Body, hcl.Diagnostics) {
	return r.body(r.read(ctx, []named{{name, name}})[0])
}

// Text is Body for what comes from elsewhere than a file; name is for positions.
func (r *Reader) Text(ctx context.Context, name string, in io.Reader) (hcl.Body, hcl.Diagnostics) {
	s := &source{name: name}
	var err error
	if s.src, err = io.ReadAll(io.LimitReader(in, limits.MaxFile+1)); err == nil && len(s.src) > limits.MaxFile {
		err = fmt.Errorf("it is over the limit of %d MiB a file", limits.MaxFile>>20)
	}
	if err != nil {
		s.diags = unreadable(name, err)
	} else {
		s.parse(ctx)
	}
	return r.body(s)
}

func (r *Reader) body(s *source) (hcl.Body, hcl.Diagnostics) {
	r.keep(s)
	if s.diags.HasErrors() {
		return nil, s.diags
	}
	return s.file.Body, s.diags
}

// keep makes a file's text available to whoever explains its mistakes, those of parsing included.
func (r *Reader) keep(s *source) {
	if s.file == nil {
		s.file = &hcl.File{Bytes: s.src}
	}
	if r.files == nil {
		r.files = map[string]*hcl.File{}
	}
	r.files[s.name] = s.file
}
