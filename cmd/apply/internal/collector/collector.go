// Package collector tells the garbage collector how much memory there is to work with.
package collector

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memoryLimit is when the collector begins to work for its bytes: between what an evaluation of manifests may keep, 1 GiB, and what it may take with what is not
// collected yet, a quarter more. Close above what a large catalog keeps it would collect all the time.
const memoryLimit = 1150 << 20

// collectAt is by how many percent memory grows before it is collected: most of what a run allocates it keeps until its end. Go's own 100
// takes a tenth more of the processor, 400 half as much memory more for hardly anything.
const collectAt = 200

// Begin sets what holds until a manifest is compiled.
func Begin() {
	limitMemory(0)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// Compiled is called when a manifest is. What it takes stays until the end: within the same limit the collector would work for every byte of a run that has
// very much to do. What comes beside it has the limit to itself, so that evaluations that go on with values that only the run knows have no more.
func Compiled() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	limitMemory(int64(live[0].Value.Uint64()))
}

// limitMemory sets when the collector begins to work for its bytes, beside those that are kept. A quarter of what the machine or the container has is left for
// what is not its own, the kernel's part in particular: beyond that the kernel would kill the process.
func limitMemory(kept int64) {
	debug.SetMemoryLimit(min(memoryLimit+kept, room("/")/4*3))
}

// room is how many bytes this process may take at most: those of the machine, and of the control groups that it is in, which are told below root.
func room(root string) int64 {
	least := int64(math.MaxInt64)
	var machine unix.Sysinfo_t
	if unix.Sysinfo(&machine) == nil {
		least = int64(machine.Totalram+machine.Totalswap) * int64(machine.Unit)
	}
	own, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // without it the machine's is all that is known
	for line := range strings.Lines(string(own)) {
		_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(line, ":")
		mount, file := "sys/fs/cgroup", "memory.max"
		if controllers != "" {
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
			if !slices.Contains(strings.Split(controllers, ","), "memory") {
				continue
			}
		}
		// A limit holds for the groups inside too. A container may see its own group as the mount itself, and be told its name outside.
		for ; ; group = filepath.Dir(group) {
			text, _ := os.ReadFile(filepath.Join(root, mount, group, file))
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
				least = min(least, limit)
			}
			if group == "/" || group == "." {
				break
			}
		}
	}
	return least
}
