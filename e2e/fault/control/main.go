// Command control does what apply does for a small scene, each time without one of the precautions, so that the harness can show that it
// would notice.
//
//	control MODE DIR [ARG]
//
// The scene: DIR/conf gets new content and mode 0640, DIR/secret is made with mode 0600, and when one of them has changed a command adds
// what it sees of them to DIR/log.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// The contents that the files are to have.
const (
	newConf   = "new configuration\n"
	newSecret = "s3cret\n"
)

// modes are the ways of doing it wrong.
var modes = map[string]func(dir string, args []string) error{
	"inplace":   func(dir string, _ []string) error { return bring(dir, inPlace) },
	"nofsync":   func(dir string, _ []string) error { return bring(dir, replace(false, false)) },
	"nodirsync": func(dir string, _ []string) error { return bring(dir, replace(true, false)) },
	"memory":    func(dir string, _ []string) error { return bring(dir, replace(true, true)) },
	"chown":     lstatThenChown,
	"edit":      readThenWrite,
	"leak":      leak,
	"orphan":    orphan,
	"hoard":     hoard,
	"trusting":  trusting,
	"inherit":   inherit,
	"evaluate":  evaluate,
}

func main() {
	if len(os.Args) < 3 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: control MODE DIR [ARG]")
		os.Exit(1)
	}
	if err := modes[os.Args[1]](os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "control:", err)
		os.Exit(4)
	}
}

// writer gives the file name its content and mode.
type writer func(name, content string, mode os.FileMode) error

// bring makes the scene. Whom a change is owed to, it knows in memory only.
func bring(dir string, write writer) error {
	changed := false
	for _, f := range []struct {
		name, content string
		mode          os.FileMode
	}{{"conf", newConf, 0o640}, {"secret", newSecret, 0o600}} {
		name := filepath.Join(dir, f.name)
		b, err := os.ReadFile(name)
		info, statErr := os.Lstat(name)
		if err == nil && statErr == nil && string(b) == f.content && info.Mode().Perm() == f.mode {
			continue
		}
		if err := write(name, f.content, f.mode); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return refresh(dir)
}

// refresh is what the command of the scene's manifest does.
func refresh(dir string) error {
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	for _, name := range []string{"conf", "secret"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if _, err := log.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func inPlace(name, content string, mode os.FileMode) error {
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}

// replace writes a new file and renames it, with or without what makes that last.
func replace(file, folder bool) writer {
	return func(name, content string, mode os.FileMode) error {
		tmp := filepath.Join(filepath.Dir(name), ".control.tmp") // one name, so that the next run finds it
		f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			return err
		}
		if err := f.Chmod(mode); err != nil {
			return err
		}
		if file {
			if err := f.Sync(); err != nil {
				return err
			}
		}
		if err := os.Rename(tmp, name); err != nil || !folder {
			return err
		}
		d, err := os.Open(filepath.Dir(name))
		if err != nil {
			return err
		}
		defer d.Close()
		return d.Sync()
	}
}
