package monkey

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// withAccounts: whether this machine has the programs that change accounts and crontabs; without, none are drawn.
func withAccounts() bool {
	_, users := exec.LookPath("useradd")
	_, jobs := exec.LookPath("crontab")
	_, spool := os.Stat("/var/spool/cron/crontabs")
	return errors.Join(users, jobs, spool) == nil
}

// inEtc declares one thing of those that have their place in /etc and in users' homes.
func (p *pen) inEtc() {
	makers := []func(){p.group, p.user, p.user, p.key, p.cron, p.cron, p.repo, p.entry, p.hostOfNode, p.fact}
	makers[p.IntN(len(makers))]()
}

// account is a line of a table of accounts that is there before.
func (p *pen) account(file, line string) {
	p.s.accounts = append(p.s.accounts, [2]string{file, line})
	if name, _, _ := strings.Cut(line, ":"); file == "group" {
		p.account("gshadow", name+":!::")
	}
}

// edit is what somebody does by hand in a file of etc.
func edit(file, old, new string) drift {
	return drift{"edit\x00" + old + "\x00" + new, "../etc/" + file, 0}
}

func (p *pen) group() {
	n := len(p.s.items)
	i := p.add("group", attr{name: "name", value: fmt.Sprintf("g%d", n)}, attr{name: "gid", value: 3000 + n})
	switch p.IntN(4) {
	case 0:
		p.account("group", fmt.Sprintf("g%d:x:%d:", n, p.one2(3000+n, 4000+n)))
	case 1:
		i.attrs[1] = attr{name: "system", value: true}
	case 2:
		p.account("group", fmt.Sprintf("g%d:x:%d:", n, 3000+n))
		i.attrs = append(i.attrs[:1], attr{name: "ensure", value: "absent"})
		i.gone = true
	}
	if of := p.earlier(func(o *item) bool { return o.typ == "user" && !o.gone && !o.idle }); of != nil && !i.gone && p.chance(2) {
		i.attrs = append(i.attrs, attr{name: "members", value: []any{expr(of.reference(i.module) + ".name")}, of: []*item{of}, extra: true})
	}
}

func (p *pen) one2(a, b int) int {
	if p.chance(2) {
		return a
	}
	return b
}

func (p *pen) user() {
	n := len(p.s.items)
	name := fmt.Sprintf("u%d", n)
	i := p.add("user", attr{name: "name", value: name}, attr{name: "uid", value: 2000 + n}, attr{name: "home", value: template("${var.dir}/home/" + name)})
	i.writes = []string{"../etc/passwd", "../home/" + name}
	there, home := p.chance(3), false
	if there {
		p.account("passwd", fmt.Sprintf("%s:x:%d:100:somebody:@ROOT@/home/%[1]s:/bin/sh", name, 2000+n))
		p.account("shadow", name+":!:19000:0:99999:7:::")
		if home = p.chance(2); home {
			i.start = append(i.start, thing{"../home/" + name, "folder", "", 0o750}, thing{"../home/" + name + "/mine", "file", "mine\n", 0o600})
		}
	}
	if p.chance(6) {
		i.attrs = append(i.attrs[:1], attr{name: "ensure", value: "absent"})
		i.gone = true
		return
	}
	if p.chance(2) {
		i.set("managehome", true)
	}
	if p.chance(2) {
		i.set("shell", p.one("/bin/bash", "/bin/sh", "/usr/sbin/nologin"))
	}
	if p.chance(2) {
		i.set("comment", "Nr "+name)
		i.drifts = append(i.drifts, edit("passwd", "Nr "+name, "other"))
	}
	if p.chance(4) {
		i.set("password", p.one("!", "*", "$6$salt$hash"))
	}
	if p.chance(6) {
		i.set("expiry", p.one("2030-01-02", "absent"))
	}
	if of := p.earlier(func(o *item) bool { return o.typ == "group" && !o.gone && !o.idle }); of != nil && p.chance(2) {
		if a := (attr{name: "groups", value: []any{expr(of.reference(i.module) + ".name")}, of: []*item{of}, extra: true}); len(of.attrs) < 3 { // a membership is declared on one of the two sides
			i.attrs = append(i.attrs, a)
		}
	}
	i.home = home || !there && len(dropped(i.attrs, "managehome")) < len(i.attrs)
}

// key is one of a user with a home.
func (p *pen) key() {
	of := p.earlier(func(o *item) bool { return o.home && !o.idle })
	if of == nil {
		return
	}
	n := len(p.s.items)
	key := publicKey(n)
	i := p.add("authorized_key", attr{name: "user", value: expr(of.reference(p.module) + ".name"), of: []*item{of}}, attr{name: "key", value: key})
	home := of.writes[1]
	i.writes = []string{home}
	if p.chance(3) {
		i.set("options", []any{"no-pty", `from="10.0.0.0/8"`})
	}
	if len(of.start) > 0 && p.chance(2) {
		text := p.one("", "# mine\n", "no-pty ") + "ssh-ed25519 " + p.one(key, publicKey(n+1000)) + " " + p.one("old", i.title) + "\n"
		file := thing{home + "/.ssh/authorized_keys", "file", text, 0o600}
		if !slices.ContainsFunc(p.s.items, func(o *item) bool {
			return slices.ContainsFunc(o.start, func(t thing) bool { return t.path == file.path })
		}) {
			i.start = append(i.start, thing{home + "/.ssh", "folder", "", 0o700}, file)
		}
	}
	if p.chance(5) {
		i.attrs = append(i.attrs, attr{name: "ensure", value: "absent"})
	}
}

func publicKey(n int) string {
	blob := "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + fmt.Sprintf("%032d", n)
	return base64.StdEncoding.EncodeToString([]byte(blob))
}

func (p *pen) cron() {
	n := len(p.s.items)
	i := p.add("cron", attr{name: "command", value: fmt.Sprintf("/bin/job%d", n)})
	name := "root"
	if of := p.earlier(func(o *item) bool { return o.typ == "user" && !o.gone && !o.idle }); of != nil && p.chance(2) {
		i.attrs = append(i.attrs, attr{name: "user", value: expr(of.reference(p.module) + ".name"), of: []*item{of}})
		name = of.attrs[0].value.(string)
	}
	i.writes, i.shared = []string{"../spool/" + name}, "../spool/"+name
	switch p.IntN(3) {
	case 0:
		i.set("hour", p.IntN(24))
		i.set("minute", p.one("*/5", "0", "1-3"))
	case 1:
		i.set("special", p.one("daily", "reboot"))
	}
	if p.chance(4) {
		i.set("environment", attrs{{name: "MAILTO", value: "ops"}})
	}
	if p.chance(5) {
		i.attrs = append(i.attrs, attr{name: "ensure", value: "absent"})
	}
	if name == "root" && p.chance(2) {
		lines := p.one("# by hand\n", "", "A=b\n") + p.one("", fmt.Sprintf("5 4 * * * /bin/job%d\n", n), fmt.Sprintf("# apply: %s\n@daily /bin/other\n", i.title), "1 1 * * * /bin/else\n")
		p.account("../spool/root", strings.TrimSuffix(lines, "\n"))
	}
}

func (p *pen) repo() {
	n := len(p.s.items)
	name := fmt.Sprintf("r%d", n)
	file := "../etc/yum.repos.d/" + name + ".repo"
	i := p.add("repo", attr{name: "name", value: name}, attr{name: "provider", value: "dnf"}, attr{name: "baseurl", value: p.one("http://a.example/x", "file:///srv/y")})
	i.writes = []string{file}
	if p.chance(2) {
		i.set("enabled", p.one("1", "no"))
	}
	if p.chance(2) {
		i.set("gpgcheck", "absent")
	}
	if p.chance(3) {
		i.set("descr", "the "+name)
	}
	if p.chance(2) {
		i.start = append(i.start, thing{file, "file", p.one("# mine\n", "") + "[" + p.one(name, "else") + "]\nname = x\ngpgcheck=1\n\n[more]\nbaseurl=y\n", 0o644})
	}
	if p.chance(5) {
		i.attrs = append(i.attrs[:2], attr{name: "ensure", value: "absent"})
	}
}

// entry is a line of fstab.
func (p *pen) entry() {
	n := len(p.s.items)
	i := p.add("mount", attr{name: "path", value: fmt.Sprintf("/mnt/none%d", n)}, attr{name: "device", value: fmt.Sprintf("/dev/none%d", n)}, attr{name: "fstype", value: "ext4"}, attr{name: "ensure", value: "present"})
	i.writes, i.shared = []string{"../etc/fstab"}, "../etc/fstab"
	if p.chance(2) {
		i.set("options", []any{"noatime", "nofail"})
	}
	switch p.IntN(4) {
	case 0:
		p.account("fstab", fmt.Sprintf("/dev/none%d /mnt/none%[1]d xfs ro 0 0 # mine", n))
	case 1:
		p.account("fstab", fmt.Sprintf("/dev/none%d /mnt/none%[1]d ext4 defaults 0 0", n))
		i.attrs[3].value = "absent"
	}
}

func (p *pen) hostOfNode() {
	i := p.add("host", attr{name: "name", value: fmt.Sprintf("n%d.example", len(p.s.items))}, attr{name: "ip", value: "10.9.0.1"})
	i.writes, i.shared = []string{"../etc/hosts"}, "../etc/hosts"
}

func (p *pen) fact() {
	p.add("fact", attr{name: "value", value: expr(p.one("true", "var.word", "[1, 2]"))}, attr{name: "name", value: fmt.Sprintf("f%d", len(p.s.items))})
}

// etcThings are what is in /etc before, with what the scene has of accounts.
func (s *scene) etcThings() ([]thing, error) {
	texts := map[string]string{
		"shadow": "root:*:19000:0:99999:7:::\n", "gshadow": "root:*::\n", "hosts": "127.0.0.1 localhost\n", "fstab": "proc /proc proc defaults 0 0\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\n", "../spool/root": "", "skel/.profile": "# profile\n",
	}
	for _, name := range []string{"passwd", "group", "login.defs"} {
		b, err := os.ReadFile("/etc/" + name)
		if err != nil {
			return nil, err
		}
		texts[name] = string(b)
	}
	for _, a := range s.accounts {
		texts[a[0]] += a[1] + "\n"
	}
	all := []thing{{"../home", "folder", "", 0o755}, {"../spool", "folder", "", 0o1730}, {"../etc/yum.repos.d", "folder", "", 0o755}}
	for name, text := range texts {
		mode := uint32(0o644)
		switch {
		case name == "../spool/root" && text == "":
			continue
		case strings.HasSuffix(name, "shadow") || strings.HasPrefix(name, "../spool"):
			mode = 0o600
		}
		all = append(all, thing{filepath.Join("../etc", name), "file", text, mode})
	}
	return all, nil
}

// lookEtc adds to a listing of the tree what is in /etc, in crontabs and in homes.
func (t *trial) lookEtc(seen map[string]string) {
	for _, folder := range []string{"etc", "spool", "home"} {
		found, err := look(filepath.Join(t.tree, folder), false)
		t.must(err)
		for name, what := range found {
			path := "../" + filepath.Join(folder, name)
			switch {
			case strings.HasSuffix(name, "-") || strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, "apply/") || name == "apply":
				continue
			case folder == "spool": // crontab(1) says whose it is, and in three lines when it was here
				_, what, _ = strings.Cut(what, `"`)
				if head, rest, ok := strings.Cut(what, "vixie Exp $)\\n"); ok && strings.HasPrefix(head, "# DO NOT EDIT") {
					what = rest
				}
				what = `"` + what // the order of the jobs is nobody's
			case folder == "etc" && !strings.Contains(name, "/") && (strings.HasSuffix(name, "passwd") || strings.HasSuffix(name, "group") || strings.HasSuffix(name, "shadow")):
				_, what, _ = strings.Cut(what, `"`)
				lines := strings.Split(what, `\n`)
				slices.Sort(lines)
				what = strings.Join(lines, "|")
			}
			seen[path] = what
		}
	}
}
