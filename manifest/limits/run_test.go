package limits

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var here = &hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 7, Column: 3}, End: hcl.Pos{Line: 7, Column: 9}}

func TestRun(t *testing.T) {
	ran := false
	if err := Run(t.Context(), func() { ran = true }); err != nil || !ran {
		t.Fatalf("ran: %v, error: %v", ran, err)
	}
}

func TestRunBounds(t *testing.T) {
	var kept [][]byte
	tests := map[string]struct {
		bounds bounds
		fn     func(context.Context, *spot)
		want   string
	}{
		"time": {
			bounds: bounds{time: 30 * time.Millisecond, memory: 1 << 30},
			fn:     func(ctx context.Context, _ *spot) { <-ctx.Done() },
			want:   "main.hcl:7,3-9: Over the limit; Evaluation takes longer than 30ms.",
		},
		"memory": {
			bounds: bounds{time: time.Minute, memory: 32 << 20},
			fn: func(ctx context.Context, _ *spot) {
				for ctx.Err() == nil && len(kept) < 4<<10 {
					kept = append(kept, make([]byte, 64<<10))
				}
				<-ctx.Done()
			},
			want: "main.hcl:7,3-9: Over the limit; Evaluation takes more than 32 MiB of memory.",
		},
		"panic": {
			bounds: usual,
			fn:     func(context.Context, *spot) { panic("not a string") },
			want:   "main.hcl:7,3-9: Evaluation broke down; panic: not a string",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			err := run(t.Context(), tt.bounds, func(ctx context.Context, at *spot) {
				defer close(ended)
				at.set(here)
				tt.fn(ctx, at)
			})
			<-ended
			var exceeded *exceededError
			if !errors.As(err, &exceeded) || err.Error() != tt.want {
				t.Errorf("want %q\ngot  %q", tt.want, err)
			}
		})
	}
}

func TestRunGarbageIsNoMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(32 << 20)) // as the program has one
	var last []byte
	err := run(t.Context(), bounds{time: time.Minute, memory: 32 << 20}, func(context.Context, *spot) {
		for range 200 {
			last = make([]byte, 1<<20)
			for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
				last[0]++
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRunCancelled(t *testing.T) {
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := run(ctx, usual, func(ctx context.Context, _ *spot) {
		cancel(cause)
		<-ctx.Done()
	})
	if err != cause {
		t.Errorf("want %v, got %v", cause, err)
	}
}

// TestRunEvaluation evaluates, in a process of its own, 200 bytes that take HCL minutes and gigabytes.
func TestRunEvaluation(t *testing.T) {
	if bound := os.Getenv("LIMITS_RUN"); bound != "" {
		bounds := map[string]bounds{
			"time":   {time: 200 * time.Millisecond, memory: 8 << 30},
			"memory": {time: time.Minute, memory: 64 << 20},
		}[bound]
		fmt.Println(run(t.Context(), bounds, evaluateForever))
		os.Exit(1)
	}
	for bound, want := range map[string]string{
		"time":   "main.hcl:2,1-111: Over the limit; Evaluation takes longer than 200ms.\n",
		"memory": "main.hcl:2,1-111: Over the limit; Evaluation takes more than 64 MiB of memory.\n",
	} {
		t.Run(bound, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunEvaluation$")
			cmd.Env = append(os.Environ(), "LIMITS_RUN="+bound)
			out, err := cmd.Output()
			if diff := cmp.Diff(want, string(out)); diff != "" || cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10; bound == "memory" && rss > 512 {
				t.Errorf("took %d MiB", rss)
			}
		})
	}
}

func evaluateForever(_ context.Context, at *spot) {
	src := "l = [" + strings.Repeat("1,", 40) + "]\n" + "a = " + strings.Repeat("[for a in l : ", 7) + "a" + strings.Repeat("]", 7) + "\n"
	file, diags := hclsyntax.ParseConfig([]byte(src), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() || Check("main.hcl", []byte(src)).HasErrors() {
		panic("the manifest is wrong")
	}
	attrs := file.Body.(*hclsyntax.Body).Attributes
	l, _ := attrs["l"].Expr.Value(nil)
	at.set(&attrs["a"].SrcRange)
	attrs["a"].Expr.Value(&hcl.EvalContext{Variables: map[string]cty.Value{"l": l}})
}
