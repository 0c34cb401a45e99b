// Command cluster shows two nodes that build one GlusterFS volume by themselves, on this machine. As root on Debian, from the repository:
//
//	go run ./examples/cluster
//
// It installs what it needs from Debian, boots two systems in namespaces, each with a disk of its own, lets both run main.hcl at the same time,
// writes a file on one and reads it on the other, and runs both again, which changes nothing. The systems and their network end with it, however
// it ends; the images that they boot from stay for the next time, in a folder that it names.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

//go:embed main.hcl
var manifest []byte

// needs are the Debian packages that the nodes and their network are made with.
var needs = []string{
	"ca-certificates", "debian-archive-keyring", "mmdebstrap", "systemd-container", "apt-utils", "nftables", "iproute2", "util-linux", "e2fsprogs",
}

const timeout = 20 * time.Minute // of all of it: the first time packages are downloaded

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if os.Geteuid() != 0 {
		return errors.New("run it as root: it boots systems of its own")
	}
	if err := install(ctx); err != nil {
		return err
	}
	say("Building apply, and an image with systemd and GlusterFS (some minutes the first time; kept in %s) ...", image.Cache())
	program, err := lab.Build(ctx, "github.com/nodeapply/apply/cmd/apply")
	if err != nil {
		return err
	}
	base, err := image.With(ctx, "glusterfs-server", "glusterfs-client")
	if err != nil {
		return err
	}
	l, err := lab.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, l.Close())
		say("The nodes are gone. The images stay: rm -r %s", image.Cache())
	}()
	nodes, err := l.Boot(ctx,
		lab.Spec{Name: "node01", Image: base, Disks: []int64{512 << 20}},
		lab.Spec{Name: "node02", Image: base, Disks: []int64{512 << 20}},
	)
	if err != nil {
		return err
	}
	say("node01 (%s) and node02 (%s) are up. node01 serves the exchange; both are let into it.", nodes[0].Addr, nodes[1].Addr)
	if err := prepare(ctx, nodes, program); err != nil {
		return err
	}
	say("Both run apply main.hcl, at the same time:")
	if err := converge(ctx, nodes, 2); err != nil {
		return err
	}
	if err := show(ctx, nodes); err != nil {
		return err
	}
	say("And again: there is nothing to do.")
	return converge(ctx, nodes, 0)
}

func say(format string, args ...any) { fmt.Printf("\n== "+format+"\n", args...) }

// install installs the packages that are missing. Their services are not needed and not started.
func install(ctx context.Context) error {
	var missing []string
	for _, p := range needs {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", p).Output()
		if err != nil || string(out) != "installed" {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	say("Installing %s ...", strings.Join(missing, ", "))
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// prepare brings program, manifest and credentials to the nodes and starts the exchange on the first.
func prepare(ctx context.Context, nodes []*lab.Node, program string) error {
	for _, n := range nodes {
		if err := errors.Join(n.CopyBinary(ctx, program), n.Put(ctx, "/root/main.hcl", manifest, 0o644)); err != nil {
			return err
		}
		dir := filepath.Join("/root", n.Name)
		if _, err := nodes[0].Must(ctx, "apply", "exchange", "enroll", n.Name, "--out", dir); err != nil {
			return err
		}
		for _, name := range []string{"ca.pem", "node.pem", "node.key"} {
			text, err := nodes[0].Get(ctx, filepath.Join(dir, name))
			if err != nil {
				return err
			}
			if err := n.Put(ctx, filepath.Join("/etc/apply/exchange", name), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	_, err := nodes[0].Must(ctx, "sh", "-c", "apply exchange unit > /etc/systemd/system/apply-exchange.service && systemctl enable --now apply-exchange")
	return err
}

// converge runs apply on both nodes at the same time and prints what they say, one after the other; want is the exit code.
func converge(ctx context.Context, nodes []*lab.Node, want int) error {
	var runs []*lab.Process
	for _, n := range nodes {
		p, err := n.Start(ctx, "apply", "--detailed-exitcode", "--exchange", "https://"+nodes[0].Addr+":7654", "--group", "gluster", "/root/main.hcl")
		if err != nil {
			return err
		}
		runs = append(runs, p)
	}
	var errs []error
	for i, p := range runs {
		res, err := p.Wait()
		for line := range strings.Lines(res.Stdout + res.Stderr) {
			fmt.Printf("%s | %s\n", nodes[i].Name, strings.TrimRight(line, "\n"))
		}
		if err == nil && res.Code != want {
			err = fmt.Errorf("%s: exit code %d, want %d", nodes[i].Name, res.Code, want)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// show writes a file on one node and reads it on the other.
func show(ctx context.Context, nodes []*lab.Node) error {
	if _, err := nodes[0].Must(ctx, "sh", "-c", "echo hello from node01 > /shared/hello"); err != nil {
		return err
	}
	text, err := nodes[1].Must(ctx, "sh", "-c", "gluster volume info vol01; findmnt /shared; cat /shared/hello")
	if err != nil {
		return err
	}
	say("The volume, and a file that node01 wrote, seen on node02:")
	fmt.Print(text)
	if !strings.HasSuffix(text, "hello from node01\n") {
		return errors.New("the file is not there")
	}
	return nil
}
