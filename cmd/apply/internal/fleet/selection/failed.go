package selection

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply/cmd/apply/internal/outfile"
)

// failedFile is where the names of the nodes on which the last command of this kind failed are kept: others that are run in between, such as to see why, do not count.
func (s *Nodes) failedFile() (string, error) {
	dir, err := s.StateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "fleet", "failed-"+s.Command+".json"), nil
}

func (s *Nodes) saveFailed(names []string) error {
	file, err := s.failedFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	b, err := json.Marshal(append([]string{}, names...))
	if err != nil {
		return err
	}
	return outfile.WriteBytes(file, 0o600, b)
}

func (s *Nodes) lastFailed() ([]string, error) {
	file, err := s.failedFile()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--retry-failed: no fleet %s was run before", s.Command)
	}
	if err != nil {
		return nil, err
	}
	names := []string{}
	if err := json.Unmarshal(b, &names); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return names, nil
}
