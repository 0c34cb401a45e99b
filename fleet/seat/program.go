package seat

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeapply/apply/fleet/internal/spread"
)

// Program is this program as it is brought to nodes, by the seat and by those that it was brought to.
type Program struct {
	Hash string // SHA-256, in hexadecimal

	packed  func() (packed, error)
	holders spread.Holders
	brought atomic.Int64
}

// Brought is how many nodes the program went to from the seat, not from another node.
func (p *Program) Brought() int { return int(p.brought.Load()) }

// packed is a program as it travels.
type packed struct {
	content []byte // of gzip
	hash    string // of the content
}

// slowest is what a way from node to node must bring in the mean, in bytes a second, beside some time to begin; else the seat is nearer.
const (
	slowest       = 512 << 10
	beginPatience = 10 * time.Second
)

// seatPatience is how long the seat's way to a node keeps another one waiting.
const seatPatience = 30 * time.Second

// patience is how long a program of so many bytes may be on its way.
func patience(size int) time.Duration {
	return beginPatience + time.Duration(size)*time.Second/slowest
}

// NewProgram reads a program: apply itself (cmd/apply), which nodes run as their end of relays. It is compressed when a node first needs it.
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
	p := &Program{Hash: hex.EncodeToString(sum.Sum(nil)), holders: spread.Holders{Patience: seatPatience}}
	p.packed = sync.OnceValues(func() (packed, error) { return pack(file, p.Hash) })
	return p, nil
}

// pack compresses a file that must still be what its hash says.
func pack(file, hash string) (packed, error) {
	f, err := os.Open(file)
	if err != nil {
		return packed{}, err
	}
	defer f.Close()
	var b bytes.Buffer
	sum := sha256.New()
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(w, io.TeeReader(f, sum))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != hash {
		err = fmt.Errorf("%s: was replaced meanwhile", file)
	}
	its := sha256.Sum256(b.Bytes())
	return packed{b.Bytes(), hex.EncodeToString(its[:])}, err
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
