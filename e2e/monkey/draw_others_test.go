package monkey

import "fmt"

// lines are lines of one file.
func (p *pen) lines() {
	file, at := p.file(attr{name: "ensure", value: "present"})
	kind := p.before(file, at, "", "file", "script")
	if kind != "" && at.free && p.chance(2) {
		p.s.items = p.s.items[:len(p.s.items)-1]
		p.s.things = append(p.s.things, file.start...)
	} else {
		file.shared = file.writes[0]
	}
	for n := range 1 + p.IntN(3) {
		i := p.add("line", attr{name: "path", value: template("${var.dir}/tree/" + file.writes[0])}, attr{name: "line", value: fmt.Sprintf("k%d = %d", n, p.IntN(9))})
		i.writes, i.shared = file.writes, file.writes[0]
		switch p.IntN(4) {
		case 0:
			i.set("match", fmt.Sprintf("^k%d *=", n))
		case 1:
			i.set("after", "^old|^one")
		case 2:
			i.attrs = append(i.attrs, attr{name: "ensure", value: "absent"})
			continue
		}
		i.drifts = []drift{{"content", file.writes[0], 0}}
	}
}

// hosts are entries of one file.
func (p *pen) hosts() {
	name, h := fmt.Sprintf("hosts%d", len(p.s.items)), fmt.Sprintf("h%d-", len(p.s.items))
	entries := fmt.Sprintf("10.1.1.1 %[1]s0 old # why\n10.1.1.2 %[1]s1\n10.1.1.3 %[1]s1\n", h)
	p.s.things = append(p.s.things, thing{name, "file", p.one("", "127.0.0.1 localhost\n", entries), 0o644})
	for n := range 1 + p.IntN(3) {
		i := p.add("host", attr{name: "target", value: template("${var.dir}/tree/" + name)}, attr{name: "name", value: fmt.Sprint(h, n)}, attr{name: "ip", value: p.one("10.0.0.1", "::2", "10.1.1.1")})
		i.writes, i.shared = []string{name}, name
		if p.chance(3) {
			i.set("host_aliases", p.one("a", "b")+fmt.Sprint(n))
		}
		if p.chance(3) {
			i.set("comment", "by hand")
		}
		if p.chance(4) {
			i.attrs = append(i.attrs, attr{name: "ensure", value: "absent"})
			continue
		}
		i.drifts = []drift{{"content", name, 0}}
	}
}

func out(name string, n int) template { return template(fmt.Sprintf("${var.dir}/out/%s%d", name, n)) }

// exec declares a command.
func (p *pen) exec(command any, a ...attr) *item {
	i := p.add("exec", append(attrs{{name: "command", value: command}}, a...)...)
	if p.chance(4) {
		i.set("cwd", template("${var.dir}/out"))
	}
	if p.chance(6) {
		i.set("umask", "022")
	}
	if p.chance(6) {
		i.set("logoutput", true)
	}
	if p.module == "" && p.chance(6) {
		i.set("environment", attrs{{name: "WORD", value: expr("var.word")}, {name: "PASSWORD", value: expr("var.secret")}})
	}
	return i
}

// made makes a file once.
func (p *pen) made() {
	n := len(p.s.items)
	name := out("made", n)
	switch p.IntN(3) {
	case 0:
		p.exec([]any{"touch", name}, attr{name: "creates", value: name})
	case 1:
		// Whole or not at all: the file says that there is nothing to do, of a command that was killed too.
		p.exec("cat > "+name+".new && mv "+name+".new "+name, attr{name: "unless", value: []any{"test -e " + name}}, attr{name: "stdin", value: "in\n"})
	case 2:
		p.exec("touch "+name+"; exit 3", attr{name: "onlyif", value: "test ! -e " + name}, attr{name: "returns", value: []any{0, 3}})
	}
}

// loader brings a file into use when it is told to.
func (p *pen) loader() {
	of := p.earlier(func(o *item) bool { return o.typ == "file" && !o.many && !o.idle && !o.late && o.brought() })
	if of == nil {
		return
	}
	n := len(p.s.items)
	i := p.exec(template("rm -rf "+string(out("loaded", n))+"; cp -rP ${"+of.reference(p.module)+".path} "+string(out("loaded", n))+" 2>/dev/null; true"), attr{name: "refreshonly", value: true})
	i.attrs[0].of = []*item{of}
	i.rels["subscribe"] = []*item{of}
	if p.chance(4) {
		i.set("refresh", template("echo refreshed > "+string(out("loaded", n))))
	}
}

// copier copies a file where the copy differs.
func (p *pen) copier() {
	of := p.earlier(func(o *item) bool {
		return o.typ == "file" && len(o.drifts) > 0 && o.drifts[0] == (drift{"content", o.writes[0], 0}) && !o.many && !o.idle && !o.late
	})
	if of == nil {
		return
	}
	n := len(p.s.items)
	path := "${" + of.reference(p.module) + ".path}"
	i := p.exec(template("cp '"+path+"' "+string(out("copy", n))), attr{name: "unless", value: template("cmp -s '" + path + "' " + string(out("copy", n))), of: []*item{of}})
	i.attrs[0].of = []*item{of}
}

func (p *pen) everyTime() {
	n := len(p.s.items)
	i := p.exec(template("echo run >> " + string(out("log", n))))
	i.always = true
	if p.chance(4) {
		i.attrs[0].value = template("test $(id -un) = nobody")
		i.attrs = append(dropped(i.attrs, "cwd"), attr{name: "user", value: "nobody"})
	}
}

// retried needs several attempts.
func (p *pen) retried() {
	n := len(p.s.items)
	try, done := string(out("try", n)), string(out("done", n))
	p.exec(template("echo x >> "+try+"; test $(wc -l < "+try+") -ge 3 && touch "+done), attr{name: "creates", value: template(done)}, attr{name: "tries", value: 5}, attr{name: "try_sleep", value: expr("0.01")})
}

// late is what is made of a command's output.
func (p *pen) late() {
	e := p.exec(p.one("echo 'a b'", "printf 'a b\\n'"))
	e.always = true
	stdout := e.reference(p.module) + ".stdout"
	shown := "nonsensitive(" + stdout + ")" // the command may have been given a secret
	var i *item
	folders := p.folders
	p.folders = folders[:1] // a folder cannot know what will be in it
	switch p.IntN(4) {
	case 0:
		p.folders = folders
		i, _ = p.file(attr{name: "content", value: template("said ${" + stdout + "}"), of: []*item{e}})
	case 1:
		i, _ = p.file(attr{name: "for_each", value: expr(`toset(split(" ", trimspace(` + shown + `)))`), of: []*item{e}}, attr{name: "content", value: template("${each.key}\n")})
		p.numbered(i, "${each.key}", "a", "b")
	case 2:
		i, _ = p.file(attr{name: "count", value: expr(`length(trimspace(` + shown + `))`), of: []*item{e}}, attr{name: "content", value: template("${count.index}\n")})
		p.numbered(i, "${count.index}", "0", "1", "2")
	case 3:
		i, _ = p.file(attr{name: "when", value: expr(`trimspace(` + stdout + `) != "` + p.one("a b", "other") + `"`), of: []*item{e}}, attr{name: "content", value: "when\n"})
	}
	i.late, p.folders = true, folders
}

func (p *pen) failure() {
	p.exec(p.one("false", "echo gone wrong >&2; exit 7", "no-such-program")).fails = true
	p.s.items[len(p.s.items)-1].always = true
}

// refused is a file that cannot be as declared.
func (p *pen) refused() {
	i, at := p.file(attr{name: "content", value: "refused\n"}, attr{name: "validate_cmd", value: "false %"})
	p.before(i, at, "", "file")
	i.fails = true
}
