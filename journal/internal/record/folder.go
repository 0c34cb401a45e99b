package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/nodeapply/apply/journal/internal/files"
	"github.com/nodeapply/apply/journal/internal/lines"
)

// Folder is the folder with the journals of runs, each by the id of its run.
type Folder string

// In is the folder of a state folder.
func In(state string) Folder { return Folder(filepath.Join(state, "journal")) }

const suffix = ".journal"

// Path is the file of the journal of run id.
func (f Folder) Path(id string) string { return filepath.Join(string(f), id+suffix) }

// Create makes the journal of a run, which begins with head, and the folder if it is not there. Its name is on disk when it returns, head with what is
// appended first.
func (f Folder) Create(head Run) (*Log, error) {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return nil, failed(err)
	}
	file, err := os.OpenFile(f.Path(head.ID), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, failed(err)
	}
	l := newLog(file)
	head.Version = version
	err = l.Later(Record{Run: &head})
	if err == nil {
		err = syncDir(string(f))
	}
	if err != nil {
		_ = l.Close() // it would say the same again
		return nil, errors.Join(err, os.Remove(file.Name()))
	}
	return l, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// IDs lists the ids of the runs that changed something, the newest first.
func (f Folder) IDs() ([]string, error) {
	return files.Runs(string(f), suffix)
}

// After lists those of them after run id.
func (f Folder) After(id string) ([]string, error) {
	ids, err := f.IDs()
	return slices.DeleteFunc(ids, func(other string) bool { return other <= id }), err
}

// Recover reads the newest journal that has a whole first record. Damaged ones are told and set aside; of one whose end is torn, what is whole counts.
func (f Folder) Recover() (p Past, warnings []string, err error) {
	p, err = f.Newest(func(id string, p Past, dmg *lines.Damage) error {
		name := f.Path(id)
		var err error
		if dmg.Torn && p.Head.ID != "" {
			warnings = append(warnings, fmt.Sprintf("journal of run %s: its end is torn (%v); cut off at byte %d, all before it counts", id, dmg.Err, dmg.Offset))
			if err = os.Truncate(name, dmg.Offset); err == nil {
				err = os.Chtimes(name, p.End, p.End) // an undo asks for it
			}
		} else {
			warnings = append(warnings, fmt.Sprintf("journal of run %s: damaged (%v); set aside as %s.damaged, and this run goes on with what of it is whole", id, dmg.Err, filepath.Base(name)))
			err = os.Rename(name, name+".damaged")
		}
		return failed(err)
	})
	return p, warnings, err
}

// Newest reads the newest journal that has a whole first record. Of damaged ones it tells damaged, whose error ends it.
func (f Folder) Newest(damaged func(id string, p Past, dmg *lines.Damage) error) (Past, error) {
	ids, err := f.IDs()
	if err != nil {
		return Past{}, err
	}
	for _, id := range ids {
		if p, ok := f.Closed(id); ok {
			return p, nil
		}
		p, dmg, err := f.Read(id)
		if err == nil && dmg != nil {
			err = damaged(id, p, dmg)
		}
		if err != nil {
			return Past{}, err
		}
		if p.Head.ID != "" {
			return p, nil
		}
	}
	return Past{}, nil
}

// Closed reads the first and the last record of the journal of a run that came to its end, and checks the sums of all that are between:
// what a run has left tells the next one nothing else. Of any other journal it says no.
func (f Folder) Closed(id string) (Past, bool) {
	file, err := files.Open(f.Path(id))
	if err != nil {
		return Past{}, false
	}
	defer file.Close()
	var first, last []byte
	dmg, err := lines.Read(file, func(text []byte) error {
		if first == nil {
			first = bytes.Clone(text)
		}
		last = append(last[:0], text...)
		return nil
	})
	if dmg != nil || err != nil || first == nil {
		return Past{}, false
	}
	var head, end Record
	if json.Unmarshal(first, &head) != nil || json.Unmarshal(last, &end) != nil {
		return Past{}, false
	}
	if head.Run == nil || head.Run.ID == "" || head.Run.Version > version || end.Closed == nil {
		return Past{}, false
	}
	return Past{Head: *head.Run, Owed: NewDebts(end.Closed.Owed)}, true
}

// UnknownError says that a run is not on record: it is an [fs.ErrNotExist].
type UnknownError struct{ Run string }

func (e *UnknownError) Error() string {
	return "no run " + e.Run + " is on record; apply history lists the runs"
}

// Unwrap returns fs.ErrNotExist.
func (e *UnknownError) Unwrap() error { return fs.ErrNotExist }

// Read reads the journal of one run, as far as it is whole.
func (f Folder) Read(id string) (Past, *lines.Damage, error) {
	file, err := files.Open(f.Path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return Past{}, nil, &UnknownError{id + " that changed something"}
	}
	if errors.Is(err, files.ErrNoFile) {
		return Past{}, &lines.Damage{Err: err}, nil
	}
	if err != nil {
		return Past{}, nil, fmt.Errorf("journal: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Past{}, nil, fmt.Errorf("journal: %w", err)
	}
	p := Past{End: info.ModTime()}
	dmg, err := decode(file, p.add)
	if err != nil {
		return Past{}, nil, fmt.Errorf("journal: %w", err)
	}
	if dmg == nil && p.Head.ID == "" {
		dmg = &lines.Damage{Torn: true, Err: errors.New("empty")}
	}
	return p, dmg, nil
}
