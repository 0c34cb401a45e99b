// Package audit keeps what a node's agent was asked for and what came of it, in a file that can only become longer.
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Entry is one line of the audit. Its JSON keys are a promise.
type Entry struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"` // begun, ended, refused
	From     string    `json:"from"`  // address
	Operator string    `json:"operator,omitempty"`
	Key      string    `json:"key,omitempty"` // fingerprint
	Nonce    string    `json:"nonce,omitempty"`
	Line     string    `json:"line,omitempty"`
	Code     *int      `json:"code,omitempty"`
	Signal   string    `json:"signal,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// Log writes entries to a file that is only ever appended to, and to a second stream, which is the journal's where systemd has started the agent.
type Log struct {
	mu   sync.Mutex
	file *os.File
	also io.Writer
}

// AppendOnly is FS_APPEND_FL of linux/fs.h.
const AppendOnly = 0x20

// Open opens the file, made with its folder where they are not there. Where the file system knows it, nobody can shorten or replace the file without
// taking a flag off it first (chattr -a).
func Open(name string, also io.Writer) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("audit: %s: not a regular file", name), err, f.Close())
	}
	if flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS); err == nil {
		_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|AppendOnly) // a file system that does not know it: the mode of opening has to do
	}
	return &Log{file: f, also: also}, nil
}

// Write writes an entry. Once it returns, the entry is on disk.
func (a *Log) Write(e Entry) error {
	e.Time = e.Time.UTC()
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.also.Write(b); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if _, err := a.file.Write(b); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err := a.file.Sync(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Close closes the file.
func (a *Log) Close() error { return a.file.Close() }
