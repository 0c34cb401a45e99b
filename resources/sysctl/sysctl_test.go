package sysctl

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

const (
	key  = "net.ipv4.tcp_rmem"
	conf = "/etc/sysctl.d/99-zz-apply-net.ipv4.tcp_rmem.conf"
)

// node is one with that parameter. It refuses values that are no numbers, as a kernel does.
func node(t *testing.T, value, more string) *hosttest.Host {
	t.Helper()
	h := hosttest.New(t, "-- proc/sys/net/ipv4/tcp_rmem --\n"+value+"\n-- proc/sys/net/ipv4/conf/eth0.1/rp_filter --\n0\n-- etc/sysctl.conf --\nnet.ipv4.tcp_rmem = 9 9 9\n"+more)
	h.Handle("tee --", func(_ context.Context, c host.Cmd) (host.Output, error) {
		b, err := io.ReadAll(c.Stdin)
		if err != nil {
			return host.Output{}, err
		}
		if strings.Trim(string(b), "0123456789 \n") != "" {
			return host.Output{ExitCode: 1, Stderr: []byte("tee: " + c.Args[2] + ": Invalid argument\n")}, nil
		}
		shown := strings.ReplaceAll(string(b), " ", "\t") // as the kernel does
		return host.Output{}, os.WriteFile(h.Path(c.Args[2]), []byte(shown), 0o644)
	})
	return h
}

func declare(edit func(*Sysctl)) *Sysctl {
	s := Type().New(key).(*Sysctl)
	s.Value = "1 2  3"
	if edit != nil {
		edit(s)
	}
	return s
}

var declared = map[string]func(*Sysctl){
	"persistent": nil,
	"live":       func(s *Sysctl) { s.Persist = false },
}

func written(name, value string) string {
	return "# Written by apply: sysctl " + name + "\nnet/ipv4/tcp_rmem = " + value + "\n"
}

func TestConverges(t *testing.T) {
	files := map[string]string{
		"nothing":     "",
		"folder":      "-- etc/sysctl.d/ --\n",
		"same":        "-- " + conf[1:] + " --\n" + written(key, "1 2 3"),
		"other value": "-- " + conf[1:] + " 0600 --\n" + written(key, "4 5 6"),
		"empty":       "-- " + conf[1:] + " --\n",
		"edited":      "-- " + conf[1:] + " --\n# mine\n",
	}
	for name, edit := range declared {
		for start, file := range files {
			for _, value := range []string{"1\t2\t3", "4\t5\t6"} {
				t.Run(fmt.Sprintf("%s from %s and %q", name, start, value), func(t *testing.T) {
					h := node(t, value, file)
					resourcetest.Converges(t, h, declare(edit))
					if diff := cmp.Diff("1 2 3", words(h.Content("/proc/sys/net/ipv4/tcp_rmem"))); diff != "" {
						t.Error(diff)
					}
					st, err := h.Lstat(conf)
					if err != nil || (st.Kind == host.Regular) != (name == "persistent") {
						t.Fatalf("%s: %v, %v", conf, st.Kind, err)
					}
					if st.Kind == host.Regular {
						if diff := cmp.Diff(written(key, "1 2 3"), h.Content(conf)); diff != "" {
							t.Error(diff)
						}
					}
					if diff := cmp.Diff("net.ipv4.tcp_rmem = 9 9 9\n", h.Content("/etc/sysctl.conf")); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

func TestOnlyWhatDiffers(t *testing.T) {
	h := node(t, "1\t2\t3", "-- etc/sysctl.d/ --\n")
	o := resourcetest.Converges(t, h, declare(nil))
	if diff := cmp.Diff("persist: false -> true (1 2 3)", o.Changes()); diff != "" {
		t.Error(diff)
	}
	if len(h.Calls()) > 0 {
		t.Errorf("ran %q", h.Calls())
	}
	h = node(t, "4\t5\t6", "-- "+conf[1:]+" --\n"+written(key, "4 5 6"))
	o = resourcetest.Converges(t, h, declare(nil))
	if diff := cmp.Diff("value: 4 5 6 -> 1 2 3\npersist: true (4 5 6) -> true (1 2 3)", o.Changes()); diff != "" {
		t.Error(diff)
	}
	o = resourcetest.Converges(t, h, declare(declared["live"]))
	if diff := cmp.Diff("persist: true (1 2 3) -> false", o.Changes()); diff != "" {
		t.Error(diff)
	}
}

func TestParameterThatCannotBeReadOrWritten(t *testing.T) {
	t.Run("read", func(t *testing.T) {
		resourcetest.NeedsRoot(t, "the test itself could not compare the file that nobody may read")
		h := hosttest.New(t, "-- proc/sys/net/ipv4/tcp_rmem 0200 --\n")
		if err := resourcetest.Refuses(t, h, declare(nil)); err.Error() != key+": this kernel lets nobody read it: whether it is as declared cannot be known" {
			t.Error(err)
		}
	})
	h := hosttest.New(t, "-- proc/sys/net/ipv4/tcp_rmem 0444 --\n4\t5\t6\n")
	err := resourcetest.Refuses(t, h, declare(nil))
	if want := `value: it is "4 5 6", and this kernel lets nobody change it`; err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	resourcetest.Converges(t, h, declare(func(s *Sysctl) { s.Value, s.Persist = "4 5 6", false }))
}

// A container's /proc/sys may be read-only, and parts of it not.
func TestReadOnly(t *testing.T) {
	h := node(t, "4 5 6", "")
	h.Mount(host.Mount{Point: "/proc", Options: []string{"rw"}}, host.Mount{Point: "/proc/sys", Options: []string{"ro", "nosuid"}})
	err := resourcetest.Refuses(t, h, declare(nil))
	if want := `value: it is "4 5 6", and /proc/sys is mounted read-only: read-only file system`; err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	resourcetest.Converges(t, h, declare(func(s *Sysctl) { s.Value = "4 5 6" }))
	h.Mount(host.Mount{Point: "/proc/sys/net", Options: []string{"rw"}})
	resourcetest.Converges(t, h, declare(nil))
}

func TestRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*Sysctl)
		want string
	}{
		"unknown parameter": {func(s *Sysctl) { s.Name = "net.ipv4.none" }, "this kernel has no such parameter"},
		"bad value":         {func(s *Sysctl) { s.Value = "many" }, "tee: exit code 1: /proc/sys/net/ipv4/tcp_rmem: Invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := resourcetest.Refuses(t, node(t, "4 5 6", ""), declare(tc.edit)); !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"net.ipv4.tcp_rmem":             "/proc/sys/net/ipv4/tcp_rmem",
		"net/ipv4/tcp_rmem":             "/proc/sys/net/ipv4/tcp_rmem",
		"net/ipv4/conf/eth0.1/disabled": "/proc/sys/net/ipv4/conf/eth0.1/disabled",
		"net.ipv4.conf.eth0/1.disabled": "/proc/sys/net/ipv4/conf/eth0.1/disabled",
	} {
		s := declare(func(s *Sysctl) { s.Name = name })
		if err := s.Validate(); err != nil || s.file() != want {
			t.Errorf("%s: want %s, got %s, %v", name, want, s.file(), err)
		}
	}
	if diff := cmp.Diff([]resources.Identity{{Kind: "path", Name: conf, Nearest: true}}, declare(nil).Requires()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{folder}, declare(nil).Locks()); diff != "" {
		t.Error(diff)
	}
	same := declare(func(s *Sysctl) { s.Name = "net/ipv4/tcp_rmem" }).Provides()
	if diff := cmp.Diff(declare(nil).Provides(), same); diff != "" {
		t.Errorf("two ways to write a name: %s", diff)
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Sysctl)
		want string
	}{
		{"dots", func(s *Sysctl) { s.Name = "net/../../etc/passwd" }, "name: "},
		{"dots in dots", func(s *Sysctl) { s.Name = "net..ipv4" }, "name: "},
		{"one part", func(s *Sysctl) { s.Name = "net" }, "name: "},
		{"blank", func(s *Sysctl) { s.Name = "net.ip v4" }, "name: "},
		{"equals sign", func(s *Sysctl) { s.Name = "net.ipv4=1" }, "name: "},
		{"line end", func(s *Sysctl) { s.Name = "net.ipv4\n" }, "name: "},
		{"long", func(s *Sysctl) { s.Name = "net." + strings.Repeat("a", 200) }, "name: "},
		{"two lines", func(s *Sysctl) { s.Value = "1\nkernel.x = 2" }, "value: it must be one line"},
		{"boolean", func(s *Sysctl) { s.Value = "true" }, "value: the kernel knows no booleans: want 1 or 0, not true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resourcetest.Invalid(t, declare(tc.edit), tc.want)
		})
	}
}

func TestRestore(t *testing.T) {
	h := node(t, "4\t5\t6", "-- etc/sysctl.d/ --\n")
	s := declare(nil)
	resourcetest.Undoes(t, h, Type(), s)
	if diff := cmp.Diff("4\t5\t6\n", h.Content("/proc/sys/net/ipv4/tcp_rmem")); diff != "" {
		t.Error(diff)
	}
}

// Where the live value is as declared, the file alone is written and an undo has nothing to do with the kernel.
func TestRestoreOfTheFileAlone(t *testing.T) {
	h := node(t, "1\t2\t3", "-- etc/sysctl.d/ --\n")
	s := declare(nil)
	before, err := s.Before(t.Context(), h, resourcetest.Check(t, h, s))
	if err != nil || before != nil {
		t.Fatalf("kept: %s, %v", before, err)
	}
	o := resourcetest.Converges(t, h, s)
	if diff := cmp.Diff([]host.OpKind{host.OpWrite}, o.Kinds()); diff != "" || len(h.Calls()) > 0 {
		t.Errorf("ran %q; %s", h.Calls(), diff)
	}
}

func TestWhatCannotBeReadAndWrittenIsNotListed(t *testing.T) {
	h := hosttest.New(t, "-- proc/sys/kernel/ostype 0444 --\nLinux\n-- proc/sys/kernel/flush 0200 --\n-- proc/sys/kernel/panic 0600 --\n0\n-- proc/sys/kernel/ns_last_pid 0644 --\n7\n")
	resourcetest.Lists(t, h, Type(), "kernel", "kernel.panic")
}

func TestInspect(t *testing.T) {
	for start, file := range map[string]string{"live": "", "persistent": "-- " + conf[1:] + " --\n" + written(key, "4 5 6")} {
		h := node(t, "4\t5\t6", file)
		for of, want := range map[string][]string{
			"net.ipv4.tcp_rmem": {key}, "net.ipv4.tcp_*": {key}, "net.*/1.*": {"net.ipv4.conf.eth0/1.rp_filter"},
			"net.ipv4": {"net.ipv4.conf.eth0/1.rp_filter", key}, "*": {"net.ipv4.conf.eth0/1.rp_filter", key},
		} {
			resourcetest.Lists(t, h, Type(), of, want...)
		}
		for _, title := range []string{key, "net.ipv4.conf.eth0/1.rp_filter"} {
			s := resourcetest.Inspects(t, h, Type(), title).(*Sysctl)
			if want := start == "persistent" && title == key; s.Persist != want {
				t.Errorf("%s, %s: persist is %v", start, title, s.Persist)
			}
		}
	}
}

func TestChangedSince(t *testing.T) {
	h := node(t, "4\t5\t6", "-- etc/sysctl.d/ --\n")
	resourcetest.Notices(t, h, Type(), declare(nil), func() {
		resourcetest.Converges(t, h, declare(func(s *Sysctl) { s.Value = "7 8 9" }))
	})
}
