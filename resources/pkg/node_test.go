package pkg

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// stock is a package of a debian: its state there, and what a repository has of it.
type stock struct {
	status, version, provides string // status as dpkg writes it; "" for one that was never there
	offers                    []string
}

// debian is a node whose apt and dpkg do as they are told, but for postinst scripts that fail. The highest of offers is the last.
type debian struct {
	*hosttest.Host
	packages map[string]stock
	failing  map[string]bool // whose postinst fails
	reads    int             // of the database
}

func newDebian(t *testing.T, packages map[string]stock) *debian {
	d := &debian{hosttest.New(t, "-- etc/os-release --\nID=debian\n-- usr/bin/apt-get --\n-- usr/sbin/ --\n-- var/lib/dpkg/status --\n"), packages, map[string]bool{}, 0}
	d.write(t.Context())
	d.Handle("apt-cache", func(_ context.Context, c host.Cmd) (host.Output, error) { return d.policy(after(c)), nil })
	d.Handle("apt-mark", func(ctx context.Context, c host.Cmd) (host.Output, error) {
		for _, n := range after(c) {
			d.set(n, func(k *stock) {
				_, rest, _ := strings.Cut(k.status, " ")
				k.status = map[string]string{"hold": "hold ", "unhold": "install "}[c.Args[1]] + rest
			})
		}
		return host.Output{}, d.write(ctx)
	})
	d.Handle("apt-get", func(ctx context.Context, c host.Cmd) (host.Output, error) {
		if slices.Contains(c.Args, "update") {
			return host.Output{}, nil
		}
		return d.apt(ctx, c)
	})
	d.Handle("dpkg", func(ctx context.Context, c host.Cmd) (out host.Output, err error) {
		if c.Args[1] == "--purge" {
			for _, n := range after(c) {
				d.set(n, func(k *stock) { k.status = "" })
			}
			return out, d.write(ctx)
		}
		for n, k := range d.packages {
			if strings.HasSuffix(k.status, "half-configured") {
				d.configure(n, &out)
			}
		}
		return out, d.write(ctx)
	})
	d.Handle("dpkg-deb", func(context.Context, host.Cmd) (host.Output, error) { return host.Output{Stdout: []byte("9\n")}, nil })
	return d
}

func after(c host.Cmd) []string { return c.Args[slices.Index(c.Args, "--")+1:] }

func (d *debian) set(name string, change func(*stock)) {
	k := d.packages[name]
	change(&k)
	d.packages[name] = k
}

func (d *debian) configure(name string, out *host.Output) {
	d.set(name, func(k *stock) {
		word, _, _ := strings.Cut(k.status, " ")
		if k.status = word + " ok installed"; d.failing[name] {
			k.status = word + " ok half-configured"
			out.ExitCode, out.Stderr = 100, fmt.Appendf(out.Stderr, "E: %s: post-installation script failed\n", name)
		}
	})
}

func (d *debian) apt(ctx context.Context, c host.Cmd) (out host.Output, err error) {
	var removed []string
	for _, n := range after(c) {
		name, gone := strings.CutSuffix(n, "-")
		if !slices.Contains(c.Args, "install") {
			gone = true
		}
		if gone {
			removed = append(removed, name)
			d.set(name, func(k *stock) { k.status = "deinstall ok config-files" })
			continue
		}
		name, version, _ := strings.Cut(name, "=")
		if strings.HasSuffix(name, ".deb") {
			name, version = "local", "9"
		}
		for other, k := range d.packages { // a virtual name
			if k.provides == name && len(d.packages[name].offers) == 0 {
				name = other
			}
		}
		k := d.packages[name]
		if version == "" && len(k.offers) > 0 {
			version = k.offers[len(k.offers)-1]
		}
		d.set(name, func(k *stock) { k.status, k.version = "install ok half-configured", version })
		d.configure(name, &out)
	}
	for _, n := range slices.Sorted(maps.Keys(d.packages)) { // apt configures what is left over, too
		if strings.HasSuffix(d.packages[n].status, "half-configured") {
			d.configure(n, &out)
		}
	}
	if out.ExitCode == 0 && (slices.Contains(c.Args, "purge") || slices.Contains(c.Args, "--purge")) { // which comes last
		for _, n := range removed {
			d.set(n, func(k *stock) { k.status = "" })
		}
	}
	return out, d.write(ctx)
}

func (d *debian) policy(names []string) host.Output {
	var b strings.Builder
	for _, n := range names {
		k, ok := d.packages[n]
		virtual := slices.ContainsFunc(slices.Collect(maps.Values(d.packages)), func(k stock) bool { return k.provides == n })
		if !virtual && (!ok || len(k.offers) == 0 && k.status == "") {
			continue
		}
		candidate := "(none)"
		if len(k.offers) > 0 {
			candidate = k.offers[len(k.offers)-1]
		}
		fmt.Fprintf(&b, "%s:\n  Installed: x\n  Candidate: %s\n  Version table:\n", n, candidate)
		for _, v := range k.offers {
			fmt.Fprintf(&b, "     %s 500\n        500 http://x Packages\n", v)
		}
	}
	return host.Output{Stdout: []byte(b.String())}
}

func (d *debian) write(ctx context.Context) error {
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(d.packages)) {
		if k := d.packages[n]; k.status != "" {
			fmt.Fprintf(&b, "Package: %s\nStatus: %s\nArchitecture: all\nVersion: %s\nProvides: %s\n\n", n, k.status, k.version, k.provides)
		}
	}
	return d.WriteFile(ctx, "/var/lib/dpkg/status", host.NewFile{Content: strings.NewReader(b.String())})
}

// Open counts the readings of the database.
func (d *debian) Open(name string) (host.File, error) {
	if name == "/var/lib/dpkg/status" {
		d.reads++
	}
	return d.Host.Open(name)
}

// orders are the commands that change packages, from their verbs on.
func (d *debian) orders() []string {
	var list []string
	for _, c := range d.Calls() {
		if strings.HasPrefix(c, "? ") || strings.HasSuffix(c, " update") {
			continue
		}
		if i := strings.Index(c, "--force-conf"); i > 0 && !strings.HasPrefix(c, "dpkg") {
			c = c[i+len("--force-confold "):]
		}
		list = append(list, c)
	}
	return list
}
