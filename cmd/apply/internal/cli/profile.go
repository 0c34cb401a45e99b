package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
)

// profile writes cpu.pprof and trace.out to a folder while the command runs, and heap.pprof when the returned function is called.
func profile(dir string) (end func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cpu, err := create(dir, "cpu.pprof")
	if err != nil {
		return nil, err
	}
	events, err := create(dir, "trace.out")
	if err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	if err := errors.Join(pprof.StartCPUProfile(cpu), trace.Start(events)); err != nil {
		return nil, errors.Join(err, cpu.Close(), events.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		trace.Stop()
		heap, err := create(dir, "heap.pprof")
		if err != nil {
			return errors.Join(err, cpu.Close(), events.Close())
		}
		runtime.GC() // what is still in use, not what is garbage
		return errors.Join(pprof.WriteHeapProfile(heap), heap.Close(), cpu.Close(), events.Close())
	}, nil
}

// create makes a file in the place of what is there, which is not followed: the folder may be somebody else's.
func create(dir, name string) (*os.File, error) {
	name = filepath.Join(dir, name)
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
