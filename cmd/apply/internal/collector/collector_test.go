package collector

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

func TestCompiledGivesRoom(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	kept := make([]byte, 64<<20)
	runtime.GC()
	Compiled()
	if got, least := debug.SetMemoryLimit(-1), min(int64(memoryLimit+len(kept)), room("/")/4*3); got < least {
		t.Errorf("the limit is %d bytes, want %d at least", got, least)
	}
	runtime.KeepAlive(kept)
}

func TestRoom(t *testing.T) {
	machine := room(t.TempDir())
	if machine < 16<<20 {
		t.Fatalf("the machine has %d bytes", machine)
	}
	tests := map[string]struct {
		files string
		want  int64
	}{
		"none is told":             {"-- proc/self/cgroup --\n0::/a\n", machine},
		"no limit":                 {"-- proc/self/cgroup --\n0::/a\n-- sys/fs/cgroup/a/memory.max --\nmax\n", machine},
		"of the group":             {"-- proc/self/cgroup --\n0::/a/b\n-- sys/fs/cgroup/a/b/memory.max --\n4096\n", 4096},
		"of the group around it":   {"-- proc/self/cgroup --\n0::/a/b\n-- sys/fs/cgroup/a/memory.max --\n4096\n-- sys/fs/cgroup/a/b/memory.max --\n8192\n", 4096},
		"in a container":           {"-- proc/self/cgroup --\n0::/\n-- sys/fs/cgroup/memory.max --\n4096\n", 4096},
		"cgroup v1":                {"-- proc/self/cgroup --\n4:cpu:/c\n3:memory:/m\n0::/\n-- sys/fs/cgroup/memory/m/memory.limit_in_bytes --\n4096\n", 4096},
		"cgroup v1 in a container": {"-- proc/self/cgroup --\n3:hugetlb,memory:/docker/ab\n-- sys/fs/cgroup/memory/memory.limit_in_bytes --\n4096\n", 4096},
		"of another controller":    {"-- proc/self/cgroup --\n4:cpu:/c\n3:memory:/m\n-- sys/fs/cgroup/memory/c/memory.limit_in_bytes --\n4096\n", machine},
		"cgroup v1 without one":    {"-- proc/self/cgroup --\n3:memory:/\n-- sys/fs/cgroup/memory/memory.limit_in_bytes --\n9223372036854771712\n", machine},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, f := range txtar.Parse([]byte(tt.files)).Files {
				file := filepath.Join(root, f.Name)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := room(root); got != tt.want {
				t.Errorf("want %d, got %d", tt.want, got)
			}
		})
	}
}
