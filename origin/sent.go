package origin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// SentFile is the name of the file beside a manifest that a seat sends to nodes: it says where the manifest is from, and with what it is compiled.
const SentFile = "sent.json"

// Sent is where a manifest is from, as its seat knows it.
type Sent struct {
	Name   string   `json:"name"`
	Source string   `json:"source"`
	Ref    string   `json:"ref,omitempty"`
	Commit string   `json:"commit,omitempty"`
	Dirty  bool     `json:"dirty,omitempty"`
	Vars   []string `json:"vars,omitempty"` // NAME=VALUE: as arguments every user of the node would see them
}

// Sent finds a manifest that a seat has sent here, and takes over what the file says of it.
func (c *Checkouts) Sent(path, file string) (Origin, error) {
	o, err := at(path)
	if err != nil {
		return o, err
	}
	if _, err := os.Stat(path); err != nil {
		return o, nil // the compilation says it better
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return o, err
	}
	var s Sent
	if err := json.Unmarshal(b, &s); err != nil {
		return o, fmt.Errorf("%s: %w", file, err)
	}
	o.Name, o.Source, o.Ref, o.Commit, o.Dirty, o.Vars = s.Name, s.Source, s.Ref, s.Commit, s.Dirty, s.Vars
	return o, c.lockBeside(path)
}

// Sending is what a seat sends of a manifest: the folder, the manifest's name in it, and where it is from.
func (o Origin) Sending() (dir, name string, s Sent, err error) {
	s = Sent{Name: o.Name, Source: o.Source, Ref: o.Ref, Commit: o.Commit, Dirty: o.Dirty}
	if filepath.IsAbs(s.Source) {
		host, err := os.Hostname()
		if err != nil {
			return "", "", s, err
		}
		s.Source = host + ":" + s.Source
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return "", "", s, err
	}
	if o.Within != "" {
		name, err = filepath.Rel(o.Within, path)
		return o.Within, name, s, err
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
