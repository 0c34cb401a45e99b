package monkey

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// item is a resource block, with what is at its names before.
type item struct {
	n      int
	typ    string
	title  string
	module string // "": the root module
	attrs  attrs
	rels   map[string][]*item
	start  []thing
	writes []string // what it may change: names below the tree, and all that is below them
	led    []string // names that it changes as long as a link is where a folder is declared
	drifts []drift  // what somebody may do that it repairs
	shared string   // a file of which it is a part

	key    string              // what tells an instance of its module from others: ["only one"], [0], or nothing
	picked string              // of its own instances, the one that others refer to: ["a"], [0]; "" all
	whole  map[string][]string // relations with all that is in a module

	always bool // runs every time
	many   bool // has instances
	late   bool // known late
	idle   bool // not managed, or only told of
	fails  bool
	secret bool // has content that nothing may tell
	gone   bool // an account that is to be absent
	home   bool // a user who has one
}

// reference is how others in a module refer to it, or to one of its instances.
func (i *item) reference(in string) string { return i.name(in) + i.picked }

func (i *item) name(in string) string {
	of := i.title
	if strings.ContainsAny(of, "/ .") {
		of = "[" + quoted(of) + "]"
	} else {
		of = "." + of
	}
	if i.module != in {
		return "module." + i.module + i.key + "." + i.typ + of
	}
	return i.typ + of
}

func (i *item) address() string { return i.name("") }

func (i *item) block() block {
	b := block{i.typ, i.title, slices.Clone(i.attrs)}
	for _, name := range []string{"before", "notify", "require", "subscribe"} {
		if to := (refs{i.module, i.rels[name], i.whole[name]}); len(to.names()) > 0 {
			b.attrs = append(b.attrs, attr{name: name, value: to})
		}
	}
	return b
}

// set gives it an attribute that it need not have, unless it has it.
func (i *item) set(name string, value any, of ...*item) {
	if len(dropped(i.attrs, name)) == len(i.attrs) {
		i.attrs = append(i.attrs, attr{name, value, of, true})
	}
}

// brought: whether it is a file of its own, no folder, and no part of one.
func (i *item) brought() bool {
	return i.typ == "file" && !i.many && slices.ContainsFunc(i.attrs, func(a attr) bool { return a.name == "content" || a.name == "target" || a.name == "source" }) && !slices.ContainsFunc(i.attrs, func(a attr) bool { return a.name == "ensure" })
}

// within: whether it may change something in a folder that has an attribute.
func (i *item) within(folder *item, name string) bool {
	return len(dropped(folder.attrs, name)) < len(folder.attrs) &&
		slices.ContainsFunc(i.writes, func(w string) bool { return strings.HasPrefix(w, folder.writes[0]+"/") })
}

// drift is what somebody does to the tree by hand.
type drift struct {
	how, path string
	mode      uint32
}

func (d drift) String() string { return fmt.Sprintf("%s of %s", d.how, d.path) }

func (d drift) do(tree string) error {
	name := filepath.Join(tree, d.path)
	if edit := strings.Split(d.how, "\x00"); len(edit) == 3 {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, []byte(strings.ReplaceAll(string(b), edit[1], edit[2])), 0o644)
	}
	switch d.how {
	case "removal":
		return os.RemoveAll(name)
	case "mode":
		return os.Chmod(name, os.FileMode(d.mode))
	case "other link":
		if err := os.Remove(name); err != nil {
			return err
		}
		return os.Symlink("somewhere/else", name)
	case "appearance":
		return os.WriteFile(name, []byte("unwanted\n"), 0o640)
	}
	return os.WriteFile(name, []byte("drifted\n"), 0o644) // "content"
}

// scene is a manifest and the tree that it is for.
type scene struct {
	seed   uint64
	items  []*item
	things []thing          // what is there before, beside that of the items
	calls  map[string]*call // of modules
	// etc says that it has accounts, crontabs ...: the program sees an /etc of its own. Accounts are lines of files there.
	etc      bool
	accounts [][2]string
}

func (s *scene) has(of func(*item) bool) bool { return slices.ContainsFunc(s.items, of) }

// find is the item of an address, of its own or of an instance.
func (s *scene) find(address string) *item {
	for _, i := range s.items {
		if a := i.address(); address == a || strings.HasPrefix(address, a+"[") {
			return i
		}
	}
	return nil
}

// secret is a value that nothing may show.
func (s *scene) secret() string { return fmt.Sprintf("s3cret-%d-%d", s.seed, s.seed*7919+104729) }

// manifests are the texts by their names: the root module, and those that it calls.
func (s *scene) manifests(root string) map[string][]block {
	word := block{"variable", "word", attrs{{name: "type", value: keyword("string")}, {name: "default", value: "word"}}}
	files := map[string][]block{"main": {
		{"variable", "dir", attrs{{name: "default", value: root}, {name: "validation", value: attrs{{name: "condition", value: expr(`startswith(var.dir, "/")`)}, {name: "error_message", value: "an absolute path"}}}}},
		word,
		{"variable", "secret", attrs{{name: "sensitive", value: true}, {name: "default", value: s.secret()}}},
		{"locals", "", attrs{{name: "lines", value: expr(`[for n in range(3) : "line ${n} of ${var.word}"]`)}, {name: "on", value: expr(`length(var.word) > 2`)}}},
		{"defaults", "exec", attrs{{name: "timeout", value: "90s"}}},
		{"defaults", "file", attrs{{name: "group", value: expr(fmt.Sprint(os.Getegid()))}}},
	}}
	for _, i := range s.items {
		if i.module != "" && files[i.module] == nil {
			files[i.module] = []block{{"variable", "dir", nil}, word, {"locals", "", attrs{{name: "lines", value: expr("[var.word]")}, {name: "on", value: true}}}, {"output", "word", attrs{{name: "value", value: expr("upper(var.word)")}}}}
			files["main"] = append(files["main"], s.call(i.module),
				block{"output", i.module, attrs{{name: "value", value: expr("module." + i.module + i.key + ".word")}}})
		}
		name := i.module
		if name == "" {
			name = "main"
		}
		files[name] = append(files[name], i.block())
	}
	return files
}

// write writes the manifest, in one of its two syntaxes, and returns its name.
func (s *scene) write(root, folder, ending string) (string, error) {
	for name, blocks := range s.manifests(root) {
		file := filepath.Join(folder, "main"+ending)
		if name != "main" {
			file = filepath.Join(folder, name, "main"+ending)
		}
		text := []byte(hcl(blocks))
		if ending != ".hcl" {
			text = jsonSyntax(blocks)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(folder, "main"+ending), nil
}

// set puts the tree as it is before anything is run.
func (s *scene) set(root string) error {
	if err := clear(root); err != nil {
		return err
	}
	all := slices.Concat([]thing{{"tree", "folder", "", 0o755}, {"out", "folder", "", 0o777}}, s.things)
	if s.etc {
		etc, err := s.etcThings()
		if err != nil {
			return err
		}
		all = append(all, etc...)
	}
	for _, i := range s.items {
		all = append(all, i.start...)
	}
	for n, t := range all {
		if n > 1 {
			t.path = "tree/" + t.path
			t.text = strings.ReplaceAll(t.text, "@ROOT@", root)
		}
		if err := t.put(root); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
	}
	return nil
}

// String is what a failure prints.
func (s *scene) String() string {
	var b strings.Builder
	for _, t := range s.things {
		fmt.Fprintln(&b, "# there is a", t)
	}
	for _, a := range s.accounts {
		fmt.Fprintln(&b, "# there is in", a)
	}
	for _, i := range s.items {
		for _, t := range i.start {
			fmt.Fprintln(&b, "# there is a", t)
		}
	}
	files := s.manifests("/ROOT")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		resources := slices.DeleteFunc(files[name], func(k block) bool {
			return slices.Contains([]string{"variable", "locals", "defaults", "output"}, k.typ)
		})
		fmt.Fprintf(&b, "-- %s.hcl --\n%s", name, hcl(resources))
	}
	return b.String()
}
