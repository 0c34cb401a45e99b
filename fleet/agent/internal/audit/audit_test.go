package audit

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestOpenRefuses: what is not a file of the agent's own is not written to.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for what, name := range map[string]string{"a device": os.DevNull, "a link": link, "a folder": dir, "below a file": filepath.Join(file, "audit")} {
		t.Run(what, func(t *testing.T) {
			if log, err := Open(name, io.Discard); err == nil {
				t.Errorf("%s was opened (%v)", name, log.Close())
			}
		})
	}
}

// TestWriteFails: an entry that did not get everywhere is no entry.
func TestWriteFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no device that is full: ", err)
	}
	defer full.Close()
	r, pipe, err := os.Pipe() // which takes what is written and cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	good, err := os.Create(filepath.Join(t.TempDir(), "audit"))
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	for name, log := range map[string]*Log{
		"the disk is full":  {file: full, also: io.Discard},
		"it is not on disk": {file: pipe, also: io.Discard},
		"the stream fails":  {file: good, also: full},
	} {
		t.Run(name, func(t *testing.T) {
			if err := log.Write(Entry{Event: "begun"}); err == nil {
				t.Error("the entry passed for written")
			}
		})
	}
}
