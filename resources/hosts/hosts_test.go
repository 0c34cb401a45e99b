package hosts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func declare(edit func(*Host)) *Host {
	e := Type().New("node1").(*Host)
	if edit != nil {
		edit(e)
	}
	return e
}

const others = "# the hosts\n127.0.0.1   localhost\t # loop\n::1 localhost ip6-localhost\n\n10.0.0.9\tnode10 node1.old # not node1\n10.0.0.7 lonely\n#10.0.0.3 node1\n10.0.0.3\n10.0.0.8\tother node1\n"

// declared are the states that an entry may be declared to have.
var declared = map[string]func(*Host){
	"address":         func(e *Host) { e.IP = "10.0.0.1" },
	"IPv6":            func(e *Host) { e.IP = "fd00::1" },
	"aliases":         func(e *Host) { e.IP, e.HostAliases = "10.0.0.1", resources.Strings{"n1", "node1.example.com"} },
	"no aliases":      func(e *Host) { e.IP, e.HostAliases = "10.0.0.1", resources.Strings{} },
	"comment":         func(e *Host) { e.IP, e.Comment = "10.0.0.1", new("the first") },
	"no comment":      func(e *Host) { e.IP, e.Comment = "10.0.0.1", new("") },
	"absent":          func(e *Host) { e.Ensure = absent },
	"other spelling":  func(e *Host) { e.IP = "fd00:0:0::2" },
	"any address":     func(e *Host) { e.HostAliases, e.Comment = resources.Strings{"n9"}, new("ninth") },
	"absent for IPv6": func(e *Host) { e.Ensure, e.IP = absent, "fd00::1" },
}

// actual are the lines that it may find among others.
var actual = map[string]string{
	"nothing":       "",
	"same":          "10.0.0.1\tnode1\n",
	"other address": "10.0.0.2 node1 n1 # second\n",
	"upper case":    "10.0.0.1 NODE1\n",
	"both kinds":    "fd00::2 node1\n10.0.0.1 node1 n1\n",
	"twice":         "10.0.0.2 node1\n10.0.0.1 node1 n1 # here\n10.0.0.3 node1\n",
	"all":           "10.0.0.1 node1 node1.example.com n1 # the first\n",
}

func TestConverges(t *testing.T) {
	for name, edit := range declared {
		for start, lines := range actual {
			if name == "any address" && start == "nothing" {
				continue // refused: see TestFiles
			}
			for where, tree := range map[string]string{
				"first": "-- etc/hosts 0640 --\n" + lines + others, "last": "-- etc/hosts 0640 --\n" + others + lines,
				"alone": "-- etc/hosts 0640 --\n" + lines, "by link": "-- run/hosts 0640 --\n" + others + lines + "-- etc/hosts -> ../run/hosts --\n",
			} {
				t.Run(name+" from "+start+" "+where, func(t *testing.T) {
					h := hosttest.New(t, tree)
					resourcetest.Converges(t, h, declare(edit))
					file := "/etc/hosts"
					if where == "by link" {
						file = "/run/hosts"
					}
					if got := h.Content(file); where != "alone" && !strings.Contains(got, others) {
						t.Errorf("other entries were touched:\n%s", got)
					}
					if st, err := h.Lstat(file); err != nil || st.Mode != 0o640 {
						t.Errorf("mode %o, %v", st.Mode, err)
					}
				})
			}
		}
	}
}

func TestWhatIsWritten(t *testing.T) {
	for _, tc := range []struct{ declared, actual, want, changes string }{
		{"address", "nothing", "10.0.0.1\tnode1\n", "ensure: absent -> present"},
		{"aliases", "nothing", "10.0.0.1\tnode1\tn1 node1.example.com\n", "ensure: absent -> present"},
		{"comment", "nothing", "10.0.0.1\tnode1\t# the first\n", "ensure: absent -> present"},
		{"address", "other address", "10.0.0.1\tnode1\tn1\t# second\n", "ip: 10.0.0.2 -> 10.0.0.1"},
		{"no aliases", "other address", "10.0.0.1\tnode1\t# second\n", "ip: 10.0.0.2 -> 10.0.0.1\nhost_aliases: n1 -> "},
		{"aliases", "all", actual["all"], ""},
		{"address", "upper case", actual["upper case"], ""},
		{"address", "both kinds", actual["both kinds"], ""},
		{"IPv6", "both kinds", "fd00::1\tnode1\n10.0.0.1 node1 n1\n", "ip: fd00::2 -> fd00::1"},
		{"IPv6", "same", actual["same"] + "fd00::1\tnode1\n", "ensure: absent -> present"},
		{"address", "twice", "10.0.0.1\tnode1\tn1\t# here\n", "ip: 10.0.0.1, 10.0.0.2, 10.0.0.3 -> 10.0.0.1"},
		{"other spelling", "both kinds", actual["both kinds"], ""},
		{"any address", "other address", "10.0.0.2\tnode1\tn9\t# ninth\n", "host_aliases: n1 -> n9\ncomment: second -> ninth"},
		{"any address", "both kinds", "fd00::2\tnode1\tn9\t# ninth\n10.0.0.1 node1 n1\n", "host_aliases:  -> n9\ncomment:  -> ninth"},
		{"any address", "twice", "10.0.0.2\tnode1\tn9\t# ninth\n10.0.0.1 node1 n1 # here\n10.0.0.3 node1\n", "host_aliases:  -> n9\ncomment:  -> ninth"},
		{"comment", "all", actual["all"], ""},
		{"no comment", "all", "10.0.0.1\tnode1\tnode1.example.com n1\n", "comment: the first -> "},
		{"absent", "upper case", "", "ensure: present -> absent"},
		{"absent", "nothing", "", ""},
		{"absent", "twice", "", "ensure: present -> absent"},
		{"absent", "both kinds", "", "ensure: present -> absent"},
		{"absent for IPv6", "both kinds", "10.0.0.1 node1 n1\n", "ensure: present -> absent"},
	} {
		t.Run(tc.declared+" from "+tc.actual, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/hosts --\n"+others+actual[tc.actual])
			resourcetest.Writes(t, h, declare(declared[tc.declared]), "/etc/hosts", others+tc.want, tc.changes)
		})
	}
}

func TestFiles(t *testing.T) {
	t.Run("made where it is missing", func(t *testing.T) {
		h := hosttest.New(t, "-- etc/ --\n")
		resourcetest.Converges(t, h, declare(declared["address"]))
		if diff := cmp.Diff("-- etc/ 0755 root:root --\n-- etc/hosts 0644 root:root --\n10.0.0.1\tnode1\n", h.Snapshot()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a last line without its end", func(t *testing.T) {
		h := hosttest.New(t, "-- etc/ --\n-- srv/hosts --\n")
		if err := h.WriteFile(t.Context(), "/srv/hosts", host.NewFile{Content: strings.NewReader("10.0.0.9\tother")}); err != nil {
			t.Fatal(err)
		}
		resourcetest.Converges(t, h, declare(func(e *Host) { e.IP, e.Target = "10.0.0.1", "/srv/hosts" }))
		if diff := cmp.Diff("10.0.0.9\tother\n10.0.0.1\tnode1\n", h.Content("/srv/hosts")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		for _, tree := range []string{"", "-- hosts -> /no/such/hosts --\n"} {
			e := declare(func(e *Host) { e.IP, e.Target = "10.0.0.1", "/no/such/hosts" })
			if tree != "" {
				e.Target = "/hosts"
			}
			err := resourcetest.Refuses(t, hosttest.New(t, tree), e)
			if want := "parent folder /no/such: does not exist"; err.Error() != want {
				t.Errorf("want %q, got %v", want, err)
			}
		}
	})
	t.Run("without an address there must be an entry", func(t *testing.T) {
		err := resourcetest.Refuses(t, hosttest.New(t, "-- etc/hosts --\n"), declare(nil))
		if !strings.HasPrefix(err.Error(), "ip: is needed") {
			t.Error(err)
		}
	})
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Host)
		want string
	}{
		{"empty name", func(e *Host) { e.Name = "" }, `name: "" is no host name`},
		{"blank", func(e *Host) { e.Name = "a b" }, `name: "a b" is no host name`},
		{"line end", func(e *Host) { e.Name = "a\n10.0.0.1 b" }, "is no host name"},
		{"number sign", func(e *Host) { e.Name = "a#b" }, "is no host name"},
		{"dash", func(e *Host) { e.Name = "-a" }, "is no host name"},
		{"empty label", func(e *Host) { e.Name = "a..b" }, "is no host name"},
		{"long label", func(e *Host) { e.Name = strings.Repeat("a", 64) }, "is no host name"},
		{"long", func(e *Host) { e.Name = strings.Repeat("a.", 130) + "a" }, "is longer than 253"},
		{"alias", func(e *Host) { e.HostAliases = resources.Strings{"good", "not good"} }, `host_aliases: "not good" is no host name`},
		{"address", func(e *Host) { e.IP = "10.0.0.256" }, `ip: "10.0.0.256" is no IPv4 or IPv6 address`},
		{"name as address", func(e *Host) { e.IP = "node2" }, "ip: "},
		{"network", func(e *Host) { e.IP = "10.0.0.0/8" }, "ip: "},
		{"zone", func(e *Host) { e.IP = "fe80::1%eth0" }, "ip: "},
		{"address with a line end", func(e *Host) { e.IP = "10.0.0.1\n" }, "ip: "},
		{"comment", func(e *Host) { e.Comment = new("a\n10.0.0.1 b") }, "comment: it must be one line"},
		{"target", func(e *Host) { e.Target = "hosts" }, "target: "},
		{"ensure", func(e *Host) { e.Ensure = "here" }, "ensure: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resourcetest.Invalid(t, declare(tc.edit), tc.want)
		})
	}
}

// An address that a variable leaves empty is not one that is not set.
func TestAddress(t *testing.T) {
	for _, tc := range []struct {
		in  any
		bad bool
	}{{"10.0.0.1", false}, {"", true}, {10.0, true}, {[]any{"10.0.0.1"}, true}} {
		var a Address
		if err := a.UnmarshalAttr(tc.in); (err != nil) != tc.bad {
			t.Errorf("%v: %v", tc.in, err)
		}
	}
}

func TestIdentities(t *testing.T) {
	id := func(kind string) resources.Identity {
		return resources.Identity{Kind: "host", Name: "/etc/hosts node1 " + kind}
	}
	for name, want := range map[string][]resources.Identity{
		"address": {id("IPv4")}, "IPv6": {id("IPv6")}, "absent": {id("IPv4"), id("IPv6")},
	} {
		if diff := cmp.Diff(want, declare(declared[name]).Provides()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	upper := declare(func(e *Host) { e.Name, e.IP = "NODE1", "10.0.0.1" })
	if diff := cmp.Diff([]resources.Identity{id("IPv4")}, upper.Provides()); diff != "" {
		t.Error(diff)
	}
	want := []resources.Identity{{Kind: "path", Name: "/etc/hosts", Nearest: true}}
	if diff := cmp.Diff(want, declare(nil).Requires()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/srv/hosts"}, declare(func(e *Host) { e.Target = "/srv/hosts" }).Locks()); diff != "" {
		t.Error(diff)
	}
}

// A line that does not begin with an address is no entry: nobody reads it, and it stays.
func TestNoAddress(t *testing.T) {
	const lines = "bad node1\n10.0.0 node1\n\"q\" node2\n"
	h := hosttest.New(t, "-- etc/hosts --\n"+lines)
	resourcetest.Lists(t, h, Type(), "*")
	resourcetest.Converges(t, h, declare(func(e *Host) { e.IP = "10.0.0.1" }))
	if diff := cmp.Diff(lines+actual["same"], h.Content("/etc/hosts")); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	h := hosttest.New(t, "-- etc/hosts --\n"+others+actual["twice"])
	all := resourcetest.Inspects(t, hosttest.New(t, "-- etc/hosts --\n"+actual["all"]), Type(), "node1")
	want := declare(func(e *Host) {
		e.IP, e.HostAliases, e.Comment = "10.0.0.1", resources.Strings{"node1.example.com", "n1"}, new("the first")
	})
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	resourcetest.Lists(t, h, Type(), "*", "localhost", "node10", "lonely", "other", "node1")
	for start, lines := range actual {
		if start == "twice" {
			e := Type().New("node1").(*Host)
			if err := e.Inspect(t.Context(), h); err == nil || !strings.Contains(err.Error(), "3 lines of /etc/hosts are of that name") {
				t.Errorf("a state that cannot be declared: %v", err)
			}
			continue
		}
		h := hosttest.New(t, "-- etc/hosts --\n"+others+lines)
		for _, title := range []string{"node1", "localhost", "lonely"} {
			t.Run(title+" of "+start, func(t *testing.T) { resourcetest.Inspects(t, h, Type(), title) })
		}
	}
}
