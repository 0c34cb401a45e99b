package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// sentFile says beside a manifest that a seat sends to nodes where it is from.
const sentFile = "sent.json"

// sent is where a manifest is from, as its seat knows it.
type sent struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Ref    string `json:"ref,omitempty"`
	Commit string `json:"commit,omitempty"`
	Dirty  bool   `json:"dirty,omitempty"`
}

// sentFrom takes over what a seat says.
func (l *loaded) sentFrom(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var s sent
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	l.name, l.source, l.ref, l.commit, l.dirty = s.Name, s.Source, s.Ref, s.Commit, s.Dirty
	return l.checkouts.lockBeside(l.path)
}

// sending is what a seat sends of a manifest: the folder, the manifest's name in it, and where it is from.
func (l *loaded) sending() (dir, name string, s sent, err error) {
	s = sent{Name: l.name, Source: l.source, Ref: l.ref, Commit: l.commit, Dirty: l.dirty}
	if filepath.IsAbs(s.Source) {
		host, err := os.Hostname()
		if err != nil {
			return "", "", s, err
		}
		s.Source = host + ":" + s.Source
	}
	path, err := filepath.Abs(l.path)
	if err != nil {
		return "", "", s, err
	}
	if l.within != "" {
		name, err = filepath.Rel(l.within, path)
		return l.within, name, s, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", "", s, err
	case info.IsDir():
		return path, ".", s, nil
	}
	return filepath.Dir(path), filepath.Base(path), s, nil
}
