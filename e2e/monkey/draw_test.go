package monkey

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// pen draws a scene.
type pen struct {
	*rand.Rand
	s       *scene
	module  string
	folders []folder
	failing bool
}

type folder struct {
	path  string
	there bool // before the first run
	free  bool // nobody manages it, nor a folder that it is in
}

func (p *pen) one(of ...string) string { return of[p.IntN(len(of))] }
func (p *pen) chance(n int) bool       { return p.IntN(n) == 0 }

// draw is the scene of a seed.
func draw(seed uint64) *scene {
	p := &pen{Rand: rand.New(rand.NewPCG(seed, 1)), s: &scene{seed: seed}, folders: []folder{{there: true, free: true}}}
	p.failing = p.chance(5)
	makers := []func(){
		p.folder, p.folder, p.content, p.content, p.content, p.source, p.copied, p.link, p.absent, p.modeOnly, p.lines, p.hosts,
		p.made, p.loader, p.copier, p.everyTime, p.late, p.instances, p.secretFile, p.retried, p.spared,
	}
	if p.failing {
		makers = append(makers, p.failure, p.failure, p.refused)
	}
	if p.chance(4) && withAccounts() {
		p.s.etc = true
		for range 8 {
			makers = append(makers, p.inEtc)
		}
	}
	for n := 1 + p.IntN(1+p.IntN(32)); len(p.s.items) < n; {
		switch {
		case p.chance(12):
			p.module = p.one("", "m", "n")
		case p.chance(10):
			path := fmt.Sprintf("%sfree%d", p.into().prefix(), len(p.folders))
			p.s.things = append(p.s.things, thing{path, "folder", "", 0o755})
			p.folders = append(p.folders, folder{path: path, there: true, free: true})
		}
		makers[p.IntN(len(makers))]()
	}
	p.relate()
	for _, i := range p.s.items {
		p.decorate(i)
	}
	p.call()
	p.lead()
	return p.s
}

// lead notes what follows a link that is there before where a folder is declared, in a part of the manifest that has not that folder.
func (p *pen) lead() {
	for _, f := range p.s.items {
		if !slices.ContainsFunc(f.start, func(t thing) bool { return t.path == f.writes[0] && t.kind == "link" && t.text == ".." }) {
			continue
		}
		for _, i := range p.s.items {
			for _, w := range i.writes {
				if below, ok := strings.CutPrefix(w, f.writes[0]+"/"); ok {
					i.led = append(i.led, filepath.Join(filepath.Dir(f.writes[0]), "..", below))
				}
			}
		}
	}
}

func (f folder) prefix() string {
	if f.path == "" {
		return ""
	}
	return f.path + "/"
}

// into is a folder that stays.
func (p *pen) into() folder {
	if f := p.folders[p.IntN(len(p.folders))]; f.free {
		return f
	}
	return p.folders[0]
}

// add declares a resource; its attributes are those without which it is none.
func (p *pen) add(typ string, a ...attr) *item {
	n := len(p.s.items)
	i := &item{n: n, typ: typ, title: fmt.Sprintf("x%d", n), module: p.module, attrs: a, rels: map[string][]*item{}}
	if p.chance(6) {
		i.title = fmt.Sprintf("the %d. one", n)
	}
	p.s.items = append(p.s.items, i)
	return i
}

// file declares a file at a new name, with or without something there before.
func (p *pen) file(a ...attr) (i *item, at folder) {
	at = p.folders[p.IntN(len(p.folders))]
	name := at.prefix() + fmt.Sprintf(p.one("name%d", "n %d", "ünï%d", "%d.conf", ".%d"), len(p.s.items))
	i = p.add("file", append(attrs{{name: "path", value: template("${var.dir}/tree/" + name)}}, a...)...)
	i.writes = []string{name}
	return i, at
}

// before puts something at a name of a folder that is there.
func (p *pen) before(i *item, at folder, kinds ...string) string {
	kind := p.one(kinds...)
	if !at.there {
		return ""
	}
	name, t := i.writes[0], thing{path: i.writes[0], kind: kind, mode: 0o640}
	switch kind {
	case "":
		return ""
	case "file":
		t.text = p.one("", "old\n", "one\ntwo\n", "no end")
	case "script":
		t.kind, t.text, t.mode = "file", "#!/bin/sh\n", 0o755
	case "link":
		t.text = p.one("nowhere", "/etc/hostname", "..")
	case "folder", "full":
		t.kind, t.mode = "folder", 0o750
	}
	i.start = append(i.start, t)
	if kind == "full" {
		i.start = append(i.start, thing{name + "/in/it", "file", "old\n", 0o600})
		i.attrs = append(i.attrs, attr{name: "force", value: true})
	}
	return kind
}

// modes are modes, and one that is none of each.
var modes = map[string]uint32{"0644": 0o600, "0600": 0o644, "0755": 0o700, "0710": 0o755, "u+x,g-w": 0o620, "a=rX": 0o600, "go=": 0o644, "ug=rw,o-rwx": 0o604}

func (p *pen) mode(i *item, of ...string) {
	m := p.one(of...)
	i.set("mode", m)
	i.drifts = append(i.drifts, drift{"mode", i.writes[0], modes[m]})
}

// relate draws relations from earlier to later resources.
func (p *pen) relate() {
	all := p.s.items
	for range p.IntN(1 + len(all)) {
		a, b := p.IntN(len(all)), p.IntN(len(all))
		if a > b {
			a, b = b, a
		}
		from, to := all[a], all[b]
		if a == b {
			continue
		}
		if from.module == to.module || from.module == "" {
			if name := p.one("before", "notify"); !related(from, to) {
				from.rels[name] = append(from.rels[name], to)
				continue
			}
		}
		if (from.module == to.module || to.module == "") && !related(to, from) {
			name := p.one("require", "subscribe")
			to.rels[name] = append(to.rels[name], from)
		}
	}
}

func related(a, b *item) bool {
	for _, to := range a.rels {
		for _, t := range to {
			if t == b {
				return true
			}
		}
	}
	return false
}

// decorate gives a resource what every one may have.
func (p *pen) decorate(i *item) {
	if p.s.has(func(f *item) bool { return i.within(f, "recurse") }) { // a folder with all that is in it has the copy beside the file, too
		i.attrs = dropped(i.attrs, "backup")
	}
	if p.chance(5) {
		i.set("tags", []any{p.one("red", "green"), "all"})
	}
	if p.chance(8) {
		i.set("timeout", p.one("60s", "2m"))
	}
	if p.chance(10) {
		i.set("when", expr(p.one("true", "local.on", `var.word != ""`, "fact.kernel == \"Linux\"")))
	}
	if p.chance(12) {
		i.set("tries", 2)
	}
	if i.typ != "exec" && !i.many && p.chance(12) {
		i.set("onlyif", []any{"true", template("test -d ${var.dir}/tree")})
	}
	leaf := i.typ == "file" && !i.many && !i.late && i.shared == "" && len(i.drifts) > 0
	for _, f := range p.folders {
		leaf = leaf && f.path != i.writes[0]
	}
	for _, other := range p.s.items {
		for _, a := range other.attrs {
			for _, of := range a.of {
				leaf = leaf && of != i
			}
		}
	}
	if leaf && p.chance(8) {
		i.idle = true
		for _, name := range []string{"noop", "when", "unless", "onlyif"} {
			i.attrs = dropped(i.attrs, name)
		}
		switch p.IntN(4) {
		case 0:
			i.set("noop", true)
		case 1:
			i.set("when", expr(p.one("false", "!local.on")))
		case 2:
			i.set("unless", "true")
		case 3:
			i.set("onlyif", template("test -e ${var.dir}/none"))
		}
	}
}

// dropped is attributes without one.
func dropped(a attrs, name string) attrs {
	var out attrs
	for _, x := range a {
		if x.name != name {
			out = append(out, x)
		}
	}
	return out
}
