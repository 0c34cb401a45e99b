package memory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/authkey"
	"github.com/nodeapply/apply/resources/cron"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/hosts"
	"github.com/nodeapply/apply/resources/line"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/user"
)

func entryOf(title, instance string, typ resources.Type, set func(resources.Resource)) *catalog.Entry {
	r := typ.New(title)
	set(r)
	return &catalog.Entry{Addr: resources.Address{Type: typ.Name, Title: title, Instance: instance}, Resource: r}
}

func jobOf(title, instance, user, ensure string) *catalog.Entry {
	return entryOf(title, instance, cron.Type(), func(r resources.Resource) {
		c := r.(*cron.Cron)
		c.User, c.Command, c.Ensure = user, "true", ensure
	})
}

func lineOf(title, instance, text string) *catalog.Entry {
	return entryOf(title, instance, line.Type(), func(r resources.Resource) {
		l := r.(*line.Line)
		l.Path, l.Line = "/etc/hosts", text
	})
}

func hostOf(title, ip string) *catalog.Entry {
	return entryOf(title, "", hosts.Type(), func(r resources.Resource) {
		h := r.(*hosts.Host)
		h.Name, h.IP = "peer", hosts.Address(ip)
	})
}

func linkOf(path string) *catalog.Entry {
	return entryOf(path, "", file.Type(), func(r resources.Resource) { r.(*file.File).Target = "x" })
}

func purgedOf(path string, noop bool) *catalog.Entry {
	e := entryOf(path, "", file.Type(), func(r resources.Resource) {
		f := r.(*file.File)
		f.Ensure, f.Recurse, f.Purge = "directory", true, true
	})
	e.Noop = noop
	return e
}

func userOf(name, ensure string) *catalog.Entry {
	return entryOf(name, "", user.Type(), func(r resources.Resource) {
		u := r.(*user.User)
		u.Name, u.Ensure, u.ManageHome = name, ensure, true
	})
}

func keyOf(title, user string) *catalog.Entry {
	return entryOf(title, "", authkey.Type(), func(r resources.Resource) {
		k := r.(*authkey.Key)
		k.User, k.Key = user, "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
	})
}

// named gives an entry another title.
func named(e *catalog.Entry, title string) *catalog.Entry {
	e.Addr.Title = title
	return e
}

// A thing is told from another by more than its title, and what is purged is not left.
func TestOrphans(t *testing.T) {
	for name, tc := range map[string]struct {
		before, now []*catalog.Entry
		want        string
	}{
		"a job of one of two users": {
			[]*catalog.Entry{jobOf("j", `["a"]`, "a", "present"), jobOf("j", `["b"]`, "b", "present")}, []*catalog.Entry{jobOf("j", `["a"]`, "a", "present")}, `cron.j["b"]`,
		},
		"a job that is to be absent by another title": {
			[]*catalog.Entry{jobOf("j", `["a"]`, "a", "present")}, []*catalog.Entry{jobOf("j", "", "a", "absent")}, "",
		},
		"a job that is another user's now": {[]*catalog.Entry{jobOf("j", "", "a", "present")}, []*catalog.Entry{jobOf("j", "", "b", "present")}, ""},
		"one of two lines": {
			[]*catalog.Entry{lineOf("l", `["a"]`, "a"), lineOf("l", `["b"]`, "b")}, []*catalog.Entry{lineOf("l", `["b"]`, "b")}, `line.l["a"]`,
		},
		"a line that is called otherwise": {[]*catalog.Entry{lineOf("l", "[0]", "a")}, []*catalog.Entry{lineOf("other", "", "a")}, ""},
		"a line that says something else": {[]*catalog.Entry{lineOf("l", "", "a")}, []*catalog.Entry{lineOf("l", "", "b")}, ""},
		"one of two kinds of address":     {[]*catalog.Entry{hostOf("v4", "10.0.0.1"), hostOf("v6", "fd00::1")}, []*catalog.Entry{hostOf("v4", "10.0.0.1")}, "host.v6"},
		"another address of that kind":    {[]*catalog.Entry{hostOf("v4", "10.0.0.1")}, []*catalog.Entry{hostOf("other", "10.0.0.2")}, ""},
		"what is purged":                  {[]*catalog.Entry{purgedOf("/d", false), linkOf("/d/l")}, []*catalog.Entry{purgedOf("/d", false)}, ""},
		"what only would be":              {[]*catalog.Entry{linkOf("/d/l")}, []*catalog.Entry{purgedOf("/d", true)}, `file["/d/l"]`},
		"what goes with its folder":       {[]*catalog.Entry{linkOf("/d/l")}, []*catalog.Entry{entryOf("/d", "", file.Type(), func(r resources.Resource) { r.(*file.File).Ensure = "absent" })}, ""},
		"what goes with its file":         {[]*catalog.Entry{purgedOf("/etc", false), lineOf("l", "", "a")}, []*catalog.Entry{purgedOf("/etc", false)}, ""},
		"what goes from its file": {
			[]*catalog.Entry{purgedOf("/etc", false), lineOf("l", "", "a"), lineOf("m", "", "b")}, []*catalog.Entry{purgedOf("/etc", false), lineOf("m", "", "b")}, "line.l",
		},
		"what goes with its user": {[]*catalog.Entry{userOf("u", "present"), keyOf("k", "u"), linkOf("/home/u/l")}, []*catalog.Entry{userOf("u", "absent")}, ""},
		"what is another user's":  {[]*catalog.Entry{userOf("u", "present"), keyOf("k", "v")}, []*catalog.Entry{userOf("u", "absent")}, "authorized_key.k"},
		"what is beside it":       {[]*catalog.Entry{linkOf("/d2")}, []*catalog.Entry{purgedOf("/d", false)}, `file["/d2"]`},
	} {
		t.Run(name, func(t *testing.T) {
			state := open(t)
			manifest := func(entries []*catalog.Entry) Manifest {
				c, problems := catalog.New(entries, nil, func(resources.Address) bool { return false })
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				return Manifest{Source: "/site/main.hcl", Catalog: c, Warn: func(text string) { t.Error(text) }}
			}
			rep := &report.Report{}
			for _, e := range tc.before {
				rep.Results = append(rep.Results, &report.Result{Address: e.Addr, Outcome: report.Changed})
			}
			if err := Read(state, manifest(tc.before)).Save(state, rep); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range Read(state, manifest(tc.now)).Orphans() {
				got = append(got, o.Address.String())
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a transaction was to bring and did not is not there.
func TestOrphansOfTransactions(t *testing.T) {
	e := entryOf("p", "", pkg.Type(), func(resources.Resource) {})
	for end, want := range map[report.Outcome]int{report.Changed: 1, report.Failed: 0} {
		state := open(t)
		c, _ := catalog.New([]*catalog.Entry{e}, nil, nil)
		rep := &report.Report{Results: []*report.Result{{Address: e.Addr, Outcome: end, Begun: true}}}
		if err := Read(state, Manifest{Source: "/site/main.hcl", Catalog: c}).Save(state, rep); err != nil {
			t.Fatal(err)
		}
		none, _ := catalog.New(nil, nil, nil)
		if got := Read(state, Manifest{Source: "/site/main.hcl", Catalog: none}).Orphans(); len(got) != want {
			t.Errorf("%s: orphans %+v", end, got)
		}
	}
}

// What goes from a purged folder because it is no longer declared is no drift of the folder; what somebody has put there is.
func TestDriftOfPurgedFolders(t *testing.T) {
	for name, tc := range map[string]struct {
		before, now []*catalog.Entry
		want        bool
	}{
		"the same": {[]*catalog.Entry{purgedOf("/d", false), linkOf("/d/l")}, []*catalog.Entry{purgedOf("/d", false), linkOf("/d/l")}, true},
		"one more": {[]*catalog.Entry{purgedOf("/d", false)}, []*catalog.Entry{purgedOf("/d", false), linkOf("/d/l")}, true},
		"one less": {[]*catalog.Entry{purgedOf("/d", false), linkOf("/d/l")}, []*catalog.Entry{purgedOf("/d", false)}, false},
		"one file less that is no path": {
			[]*catalog.Entry{purgedOf("/etc", false), lineOf("l", "", "a")}, []*catalog.Entry{purgedOf("/etc", false)}, false,
		},
		"one line less":               {[]*catalog.Entry{purgedOf("/etc", false), lineOf("l", "", "a"), lineOf("m", "", "b")}, []*catalog.Entry{purgedOf("/etc", false), lineOf("m", "", "b")}, true},
		"one less beside it":          {[]*catalog.Entry{purgedOf("/d", false), linkOf("/d2/l")}, []*catalog.Entry{purgedOf("/d", false)}, true},
		"the same by another address": {[]*catalog.Entry{purgedOf("/d", false), linkOf("/d/l")}, []*catalog.Entry{purgedOf("/d", false), named(linkOf("/d/l"), "l")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			state := open(t)
			read := func(entries []*catalog.Entry) *Memory {
				c, _ := catalog.New(entries, nil, nil)
				return Read(state, Manifest{Source: "/site/main.hcl", Catalog: c})
			}
			rep := &report.Report{}
			for _, e := range tc.before {
				rep.Results = append(rep.Results, &report.Result{Address: e.Addr, Outcome: report.Changed})
			}
			if err := read(tc.before).Save(state, rep); err != nil {
				t.Fatal(err)
			}
			if got := read(tc.now).Drifted(tc.now[0].Addr); got != tc.want {
				t.Errorf("want %v, got %v", tc.want, got)
			}
		})
	}
}
