package origin

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/source"
)

// Contents replaces the names of files in the checked out revisions by what they are called there, with a sum of what they hold: two revisions of a file
// have different folders and may have the same content.
func (c *Checkouts) Contents(text string) string {
	if c.folder == nil || !strings.Contains(text, c.folder.Dir) {
		return text
	}
	for _, t := range c.trees {
		text = contents(t, text)
	}
	return text
}

// contents is Contents for one revision.
func contents(t *source.Tree, text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, t.Dir)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		end := nameEnd(t.Dir, rest)
		name := filepath.Clean(t.Dir + rest[:end])
		out.WriteString(shownIn(t, name))
		if sum, ok := contentSum(name); ok && name != t.Dir {
			out.WriteString(" (sha256:" + sum + ")")
		}
		text = rest[end:]
	}
}

// nameEnd is how much of the text behind a folder belongs to a name in it: up to what seldom is in names, or more where there is something of that name.
func nameEnd(dir, rest string) int {
	const seldom, longest = " \t\r\n\"'[],;:", 4096
	if !strings.HasPrefix(rest, "/") {
		return 0
	}
	least := strings.IndexAny(rest, seldom)
	if least < 0 {
		return len(rest)
	}
	line, _, _ := strings.Cut(rest[:min(len(rest), longest)], "\n")
	for end := len(line); end > least; end = strings.LastIndexAny(line[:end], seldom) {
		if _, err := os.Lstat(dir + line[:end]); err == nil {
			return end
		}
	}
	return least
}

// contentSum is that of a file, or of all in a folder; ok is false for a folder of manifests, which stands for a module and is no content.
func contentSum(name string) (sum string, ok bool) {
	if module, _ := manifests(name); len(module) > 0 {
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
