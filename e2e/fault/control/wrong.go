package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// lstatThenChown gives DIR/mine to the user whose number is the argument, again and again, by name.
func lstatThenChown(dir string, args []string) error {
	var uid int
	if _, err := fmt.Sscan(args[0], &uid); err != nil {
		return err
	}
	name := filepath.Join(dir, "mine")
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		info, err := os.Lstat(name)
		if err != nil || info.Mode().Type() == os.ModeSymlink {
			continue
		}
		_ = os.Chown(name, uid, uid) // follows whatever is there by now
		_ = os.Chmod(name, 0o777)
	}
	return nil
}

// leak prints its secret in a form that hides it from the eye only.
func leak(dir string, args []string) error {
	b, err := os.ReadFile(filepath.Join(dir, "values.json"))
	if err != nil {
		return err
	}
	fmt.Println(base64.StdEncoding.EncodeToString([]byte(args[0])))
	_, err = fmt.Printf("%d bytes\n", len(b))
	return err
}

// orphan starts the command in ARG and ends it, and nobody else, after a second.
func orphan(_ string, args []string) error {
	cmd := exec.Command("/bin/sh", "-c", args[0])
	if err := cmd.Start(); err != nil {
		return err
	}
	t := time.AfterFunc(time.Second, func() { _ = cmd.Process.Kill() })
	defer t.Stop()
	return cmd.Wait()
}

// hoard keeps all output of the command in ARG.
func hoard(_ string, args []string) error {
	_, err := exec.Command("/bin/sh", "-c", args[0]).Output()
	return err
}

// trusting believes what its state file says.
func trusting(dir string, _ []string) error {
	state := filepath.Join(dir, "state", "done")
	b, err := os.ReadFile(state)
	if err == nil && len(b) > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := bring(dir, replace(true, true)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(state), 0o700); err != nil {
		return err
	}
	return os.WriteFile(state, []byte("done"), 0o600)
}

// inherit starts the command in ARG with a descriptor of its own left open.
func inherit(dir string, args []string) error {
	lock, err := syscall.Open(filepath.Join(dir, "lock"), syscall.O_RDWR|syscall.O_CREAT, 0o600)
	if err != nil {
		return err
	}
	defer syscall.Close(lock)
	cmd := exec.Command("/bin/sh", "-c", args[0])
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	return cmd.Run()
}

// evaluate computes the locals of the manifest in ARG, one after the other, without bounds.
func evaluate(_ string, args []string) error {
	src, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	file, diags := hclsyntax.ParseConfig(src, args[0], hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	values := map[string]cty.Value{}
	attrs := slices.Collect(maps.Values(file.Body.(*hclsyntax.Body).Blocks[0].Body.Attributes))
	slices.SortFunc(attrs, func(a, b *hclsyntax.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	for _, a := range attrs {
		v, diags := a.Expr.Value(&hcl.EvalContext{Variables: map[string]cty.Value{"local": cty.ObjectVal(values)}})
		if diags.HasErrors() {
			return diags
		}
		values[a.Name] = v
	}
	return nil
}

// readThenWrite adds to the file lines in a folder five times: what it reads by its name it writes with the owner and mode that it then finds there.
func readThenWrite(dir string, _ []string) error {
	name := filepath.Join(dir, "lines")
	for n := 0; n < 5; {
		content, err := os.ReadFile(name)
		info, statErr := os.Lstat(name)
		if err != nil || statErr != nil || !info.Mode().IsRegular() {
			continue
		}
		f, err := os.CreateTemp(dir, ".control.")
		if err != nil {
			return err
		}
		_, err = f.Write(append(content, "more\n"...))
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			err = errors.Join(err, f.Chown(int(st.Uid), int(st.Gid)))
		}
		if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close(), os.Rename(f.Name(), name)); err != nil {
			return err
		}
		n++
	}
	return nil
}
