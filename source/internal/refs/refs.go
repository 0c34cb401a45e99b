// Package refs knows the names of git's revisions: which are well formed, what they name, and which are near to one that names nothing.
package refs

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/source/internal/odb"
)

// Kind is what a Ref turned out to name.
type Kind string

// The kinds of references.
const (
	Tag    Kind = "tag"
	Branch Kind = "branch"
	Commit Kind = "commit"
)

// Target is what a reference names: an annotated tag or a commit.
type Target struct {
	Name string // "refs/tags/v1", "refs/heads/main", "commits/3f9c..."
	Kind Kind
	Hash odb.Hash
}

const (
	tags     = "refs/tags/"
	branches = "refs/heads/"
)

// Tag is the name of the tag that t is, "" if it is none.
func (t Target) Tag() string {
	if t.Kind != Tag {
		return ""
	}
	return strings.TrimPrefix(t.Name, tags)
}

// Pick seeks ref among references: a tag first, then a branch, then either by its full name ("refs/heads/main"). The empty ref is the default branch.
func Pick(refs map[string]odb.Hash, ref string) (Target, bool) {
	if ref == "" {
		h, found := refs["HEAD"]
		return Target{"HEAD", Branch, h}, found
	}
	candidates := []Target{{Name: tags + ref, Kind: Tag}, {Name: branches + ref, Kind: Branch}}
	switch {
	case strings.HasPrefix(ref, tags):
		candidates = append(candidates, Target{Name: ref, Kind: Tag})
	case strings.HasPrefix(ref, branches):
		candidates = append(candidates, Target{Name: ref, Kind: Branch})
	}
	for _, t := range candidates {
		if h, found := refs[t.Name]; found {
			t.Hash = h
			return t, true
		}
	}
	return Target{}, false
}

// OfCommit is the target that a commit's own name is.
func OfCommit(h odb.Hash) Target { return Target{"commits/" + hex.EncodeToString(h[:]), Commit, h} }

// Check holds to git-check-ref-format(1).
func Check(ref string) error {
	for c := range strings.SplitSeq(ref, "/") {
		if ref != "" && (c == "" || strings.HasPrefix(c, ".") || strings.HasSuffix(c, ".lock")) {
			return fmt.Errorf("ref %q: not a reference", ref)
		}
	}
	bad := strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) })
	if bad || strings.Contains(ref, "..") || strings.Contains(ref, "@{") || strings.HasPrefix(ref, "-") || strings.HasSuffix(ref, ".") {
		return fmt.Errorf("ref %q: not a reference", ref)
	}
	return nil
}

// IsHex says whether ref could be the name of a commit, whole or abbreviated.
func IsHex(ref string) bool {
	return len(ref) >= 4 && len(ref) <= 40 && strings.Trim(strings.ToLower(ref), "0123456789abcdef") == ""
}

// Unknown is the error about a name that is none of refs; it says which are near.
func Unknown(ref string, refs map[string]odb.Hash) error {
	var names []string
	for full := range refs {
		if name := strings.TrimPrefix(strings.TrimPrefix(full, tags), branches); name != full {
			names = append(names, name)
		}
	}
	return fmt.Errorf("ref %q: neither a tag nor a branch nor a commit%s", ref, Suggest(ref, names))
}

// Suggest ends an error: `; did you mean "a", "b"?` with up to three names that are near to the one that was given, nothing if none is.
func Suggest(given string, names []string) string {
	type near struct {
		name     string
		distance int
	}
	var found []near
	for _, name := range names {
		if d := distance(given, name); d <= max(2, len(given)/3) {
			found = append(found, near{name, d})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	if found = slices.Compact(found); len(found) == 0 {
		return ""
	}
	var quoted []string
	for _, n := range found[:min(len(found), 3)] {
		quoted = append(quoted, fmt.Sprintf("%q", n.name))
	}
	return "; did you mean " + strings.Join(quoted, ", ") + "?"
}

// distance counts the letters to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
