package monkey

import (
	"fmt"
)

func (p *pen) folder() {
	i, at := p.file(attr{name: "ensure", value: "directory"})
	kind := p.before(i, at, "", "", "folder", "full", "file", "link")
	if p.chance(2) {
		p.mode(i, "0755", "0710")
	}
	if kind != "full" {
		i.drifts = append(i.drifts, drift{"removal", i.writes[0], 0})
	}
	p.folders = append(p.folders, folder{path: i.writes[0], there: kind == "folder" || kind == "full"})
}

func (p *pen) content() {
	i, at := p.file()
	a := attr{name: "content"}
	switch p.IntN(7) {
	case 0:
		a.value = ""
	case 1:
		a.value = "new\n\"quoted\" ${not} %{either} ü\t\\\n"
	case 2:
		a.value = expr(`join("\n", local.lines)`)
	case 3:
		a.value = template(`%{ for l in local.lines }${upper(l)};%{ endfor }`)
	case 4:
		a.value = expr(`jsonencode({ a = [1, true, null], word = var.word })`)
	case 5:
		a.value = expr(fmt.Sprintf(`join("\n", [for n in range(%d) : "many lines"])`, 1+p.IntN(3000)))
	default:
		a.value = "new\n"
		if of := p.earlier(func(o *item) bool { return o.typ == "file" && !o.idle && (!o.many || !o.late && o.picked != "") }); of != nil {
			a.value, a.of = template("see ${"+of.reference(i.module)+".path}\n"), []*item{of}
		}
	}
	i.attrs = append(i.attrs, a)
	kind := p.before(i, at, "", "file", "script", "link", "folder", "full")
	if p.chance(2) {
		p.mode(i, "0644", "0600", "0755", "u+x,g-w", "a=rX", "go=")
	}
	if p.chance(6) {
		i.set("replace", false)
		if kind != "" {
			i.drifts = nil
		}
		i.writes = append(i.writes, i.writes[0])
	} else {
		i.drifts = append(i.drifts, drift{"content", i.writes[0], 0}, drift{"removal", i.writes[0], 0})
	}
	if p.chance(5) {
		i.set("backup", ".bak")
		i.writes = append(i.writes, i.writes[0]+".bak")
	}
	if p.chance(5) {
		i.set("validate_cmd", p.one("test -f %", "cat % > /dev/null", "true"))
	}
	if p.chance(8) {
		i.set("show_diff", false)
	}
	if p.chance(8) {
		i.set("owner", p.one("nobody", "daemon"))
	}
}

// earlier is one of the resources before, in this module.
func (p *pen) earlier(fits func(*item) bool) *item {
	var all []*item
	for _, i := range p.s.items[:max(0, len(p.s.items)-1)] {
		if i.module == p.module && fits(i) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[p.IntN(len(all))]
}

func (p *pen) source() {
	i, at := p.file()
	from := fmt.Sprintf("src/of%d", i.n)
	var src any = template("${var.dir}/tree/" + from)
	if p.chance(2) {
		src = []any{template("${var.dir}/tree/src/none"), src}
	}
	i.attrs = append(i.attrs, attr{name: "source", value: src})
	p.before(i, at, "", "file", "link", "script")
	i.start = append(i.start, thing{from, "file", p.one("from here\n", "\x00\xff binary", ""), 0o604})
	if p.chance(2) {
		p.mode(i, "0644", "0600", "ug=rw,o-rwx")
	}
	i.drifts = append(i.drifts, drift{"content", i.writes[0], 0}, drift{"removal", i.writes[0], 0})
}

// copied is a folder with all that is in it.
func (p *pen) copied() {
	i, at := p.file(attr{name: "ensure", value: "directory"}, attr{name: "recurse", value: true})
	from := fmt.Sprintf("src/tree%d", i.n)
	kind := p.before(i, at, "", "folder", "folder", "full")
	name, purged := i.writes[0], p.chance(2)
	if p.chance(4) { // what is there only has its modes managed
		i.set("mode", p.one("0644", "u+rwX,go=rX"))
	} else {
		i.attrs = append(i.attrs, attr{name: "source", value: template("${var.dir}/tree/" + from)})
		i.start = append(i.start, thing{from, "folder", "", 0o755}, thing{from + "/a", "file", "a\n", 0o644}, thing{from + "/sub/b", "file", "b\n", 0o755}, thing{from + "/sub/l", "link", "../a", 0})
		i.drifts = append(i.drifts, drift{"content", name + "/a", 0}, drift{"removal", name + "/sub/b", 0}, drift{"removal", name, 0}, drift{"content", name + "/sub/b", 0})
	}
	if kind != "" {
		i.start = append(i.start, thing{name + "/extra", "file", "extra\n", 0o600}, thing{name + "/keep.me", "file", "", 0o600}, thing{name + "/a", "file", "old a\n", 0o600})
	}
	if purged {
		i.set("purge", true)
		i.drifts = append(i.drifts, drift{"appearance", name + "/new", 0})
		if p.chance(2) {
			i.set("force", true)
		}
	}
	if p.chance(3) {
		i.set("ignore", []any{"*.me", "none"})
	}
	if p.chance(6) {
		i.set("recurselimit", 3)
	}
	p.folders = append(p.folders, folder{path: name, there: kind != ""})
}

func (p *pen) link() {
	i, at := p.file()
	a := attr{name: "target", value: p.one("nowhere", "/etc/hostname", "../tree", ".")}
	if of := p.earlier(func(o *item) bool { return o.typ == "file" && !o.many && !o.idle }); of != nil && p.chance(2) {
		a.value, a.of = expr(of.reference(i.module)+".path"), []*item{of}
	}
	i.attrs = append(i.attrs, a)
	p.before(i, at, "", "link", "file", "folder", "full")
	i.drifts = append(i.drifts, drift{"other link", i.writes[0], 0}, drift{"removal", i.writes[0], 0})
}

func (p *pen) absent() {
	i, at := p.file(attr{name: "ensure", value: "absent"})
	p.before(i, at, "", "link", "file", "folder", "full")
	if at.there {
		i.drifts = append(i.drifts, drift{"appearance", i.writes[0], 0})
	}
}

// modeOnly manages nothing but the mode of what is there.
func (p *pen) modeOnly() {
	i, at := p.file()
	kind := p.before(i, at, "", "file", "script", "folder")
	p.mode(i, "0600", "0755", "u+x,g-w", "go=")
	if kind == "" {
		i.drifts = nil
	}
	if p.chance(2) {
		i.attrs = append(i.attrs, attr{name: "ensure", value: "present"})
		if kind == "" {
			i.drifts = []drift{{"removal", i.writes[0], 0}}
		}
	}
}

// spared is a file that is only made where there is none.
func (p *pen) spared() {
	i, at := p.file(attr{name: "content", value: "first\n"}, attr{name: "replace", value: false})
	if p.before(i, at, "", "file", "script") == "" {
		i.drifts = []drift{{"removal", i.writes[0], 0}}
	}
}

func (p *pen) secretFile() {
	if p.module != "" {
		return
	}
	i, at := p.file(attr{name: "content", value: template("password = ${var.secret}\n")}, attr{name: "mode", value: "0600"})
	i.secret = true
	p.before(i, at, "", "file")
	i.drifts = []drift{{"content", i.writes[0], 0}, {"mode", i.writes[0], 0o644}, {"removal", i.writes[0], 0}}
}

// instances are files by for_each or count.
func (p *pen) instances() {
	if p.chance(2) {
		i, _ := p.file(attr{name: "for_each", value: attrs{{name: "a", value: "one"}, {name: "b c", value: "two"}}}, attr{name: "content", value: template("${each.value} of ${each.key}\n")})
		p.numbered(i, "${each.key}", "a", "b c")
		return
	}
	i, _ := p.file(attr{name: "count", value: expr(p.one("3", "length(local.lines)"))}, attr{name: "content", value: template("number ${count.index}\n")})
	p.numbered(i, "${count.index}", "0", "1", "2")
}

// numbered gives the instances of a file names of their own.
func (p *pen) numbered(i *item, by string, keys ...string) {
	i.many = true
	i.attrs[0].value = i.attrs[0].value.(template) + "-" + template(by)
	stem := i.writes[0]
	i.writes = nil
	for _, k := range keys {
		i.writes = append(i.writes, stem+"-"+k)
	}
	if p.chance(2) {
		i.picked = fmt.Sprintf("[%q]", keys[0])
		if by == "${count.index}" {
			i.picked = "[" + keys[0] + "]"
		}
	}
}
