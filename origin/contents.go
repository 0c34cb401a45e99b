package origin

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Contents replaces the names of files in the checked out revisions by what they are called there, with a sum of what they hold: two revisions of a file
// have different folders and may have the same content.
func (c *Checkouts) Contents(text string) string {
	if c.folder == nil || !strings.Contains(text, c.folder.Dir) {
		return text
	}
	for _, t := range c.trees {
		named := regexp.MustCompile(regexp.QuoteMeta(t.Dir) + `(/[^\s"'\[\],;:]*)?`)
		text = named.ReplaceAllStringFunc(text, func(name string) string {
			shown := shownIn(t, filepath.Clean(name))
			if sum, ok := contentSum(name); ok && filepath.Clean(name) != t.Dir {
				shown += " (sha256:" + sum + ")"
			}
			return shown
		})
	}
	return text
}

// contentSum is that of a file, or of all in a folder; ok is false for a folder of manifests, which stands for a module and is no content.
func contentSum(name string) (sum string, ok bool) {
	if manifests, err := fs.Glob(os.DirFS(name), "*.hcl"); err != nil || len(manifests) > 0 {
		return "", false
	}
	h := sha256.New()
	err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(name, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v\n", rel, info.Mode())
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(h, f)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), err == nil
}
