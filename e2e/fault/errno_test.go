//go:build linux && amd64

package fault

import (
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// errnos are what disks and kernels give.
var errnos = []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EDQUOT, syscall.EMFILE, syscall.ENOMEM}

// TestErrno has each call that changes or opens something fail: the run says so, or its targets are right.
func TestErrno(t *testing.T) {
	scenes := []scene{small}
	if whole {
		scenes = append(scenes, large)
	}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			found := failAll(t, s)
			for _, f := range found.faults {
				t.Error(f)
			}
			control := "-"
			if s.name == "small" {
				c := s
				c.manifest, c.control = "", "inplace"
				red := failAll(t, c)
				if red.red == 0 {
					t.Errorf("the harness found nothing wrong with a writer in place at %d points", red.points)
				}
				control = fmt.Sprintf("in place: %d of %d red", red.red, red.points)
			}
			record(t, "an error from each changing or opening call, "+s.name+" manifest", fmt.Sprintf("%d injected, %d red", found.points, found.red), control)
		})
	}
}

type failures struct {
	points, red int
	faults      []string
}

func failAll(t *testing.T, s scene) failures {
	t.Helper()
	base := onTmpfs(t)
	st := s.set(t, base)
	before, after := st.undisturbed(t)
	var v failures
	step := 3
	if whole || st.control != "" {
		step = 1
	}
	for k := 1; ; k += step {
		for i, errno := range errnos {
			if (!whole || s.name == large.name) && i != k/step%len(errnos) { // one after the other
				continue
			}
			st := s.set(t, base)
			var at ptrace.Call
			res := st.tracedIf(t, st.concerns, func(c ptrace.Call) ptrace.Verdict {
				if c.N != k {
					return ptrace.Verdict{}
				}
				at = c
				return ptrace.Verdict{Errno: errno}
			})
			if at.N == 0 {
				enough(t, v.points)
				return v
			}
			v.points++
			if found := st.judgeError(t, res, at, errno, before, after); len(found) > 0 {
				v.red++
				v.faults = append(v.faults, fmt.Sprintf("%v instead of %v:\n\t%s\n%s", errno, at, strings.Join(found, "\n\t"), res.Output))
			}
		}
	}
}

// concerns selects the calls that may fail: what is in the scene's folders, not what a program needs to start at all.
func (st *stage) concerns(c ptrace.Call) bool {
	base := strings.TrimSuffix(st.dir, "/targets")
	return strings.HasPrefix(c.Path, base) || st.fstab && strings.HasPrefix(c.Path, "/etc/") || c.Changes
}

// judgeError looks at the end of a run in which a call failed.
func (st *stage) judgeError(t *testing.T, res ptrace.Result, at ptrace.Call, errno syscall.Errno, before, after map[string]thing) []string {
	t.Helper()
	var found []string
	now := st.look(t)
	right := maps.Equal(now, after)
	written, want := st.log(t)
	switch res.ExitCode {
	case 0:
		found = append(found, differences("exit code 0", after, now)...)
		if !strings.HasSuffix(written, want) {
			found = append(found, "exit code 0 and a lost refresh")
		}
	case 1:
		found = append(found, differences("exit code 1", before, now)...)
		if written != "" {
			found = append(found, "exit code 1 after a refresh")
		}
	case 4:
		if st.control == "" && at.Own && !right {
			found = append(found, st.told(res.Output, errno)...)
			conf := st.dir + "/conf"
			if at.Changes && strings.HasPrefix(at.Path, st.dir+"/") && strings.Contains(res.Output, conf+"\"]: failed") && now[conf] == before[conf] &&
				!strings.Contains(res.Output, "old content kept") {
				found = append(found, "nothing tells that the old content is kept")
			}
		}
	default:
		found = append(found, fmt.Sprintf("exit code %d", res.ExitCode))
	}
	if res.ExitCode != 0 && at.Own && !strings.Contains(res.Output, errno.Error()) {
		found = append(found, fmt.Sprintf("nothing tells of %q", errno.Error()))
	}
	for name := range union(before, after, now) {
		if f := between(before[name], after[name], now[name], 0); f != "" {
			found = append(found, name+": "+f)
		} else if _, known := union(before, after)[name]; !known {
			found = append(found, name+": a temporary file is left")
		}
	}
	if len(res.Survivors) > 0 {
		found = append(found, fmt.Sprintf("processes live on: %q", res.Survivors))
	}
	next := runProgram(t, limit, st.args...)
	if next.code != 0 {
		found = append(found, fmt.Sprintf("the next run ends with %d:\n%s", next.code, next.output()))
	}
	found = append(found, differences("the next run", after, st.look(t))...)
	if written, want := st.log(t); !strings.HasSuffix(written, want) {
		found = append(found, "the refresh is lost")
	}
	return append(found, st.leftovers(t)...)
}

// told says what is missing in the report of a failure: the place, the resource, the reason.
func (st *stage) told(output string, errno syscall.Errno) []string {
	var found []string
	for _, want := range []string{st.main + ":", "failed", errno.Error()} {
		if !strings.Contains(output, want) {
			found = append(found, fmt.Sprintf("the output does not say %q", want))
		}
	}
	return found
}
