package relay

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
)

// Program is this program as it is brought to nodes.
type Program struct {
	Hash string // SHA-256, in hexadecimal

	compressed func() ([]byte, error)
}

// NewProgram reads a program. It is compressed when a node first needs it.
func NewProgram(file string) (*Program, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, err
	}
	return &Program{Hash: hex.EncodeToString(sum.Sum(nil)), compressed: sync.OnceValues(func() ([]byte, error) { return compress(file) })}, nil
}

func compress(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(w, f)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// machines are the words of uname -m for what this program is compiled for.
var machines = map[string][]string{
	"386": {"i386", "i486", "i586", "i686", "x86_64"}, "amd64": {"x86_64"}, "arm": {"armv6l", "armv7l", "armv8l"}, "arm64": {"aarch64"},
	"ppc64le": {"ppc64le"}, "riscv64": {"riscv64"}, "s390x": {"s390x"}, "loong64": {"loongarch64"},
}

// runsOn tells whether the program can run on a machine of which uname -sm says this.
func runsOn(system, machine string) bool {
	return system == "Linux" && slices.Contains(machines[runtime.GOARCH], machine)
}
