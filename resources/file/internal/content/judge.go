package content

import (
	"context"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Judge returns what judges a new file by the shell line validate_cmd before it becomes visible, nil where there is none.
func Judge(v host.View, line string) func(ctx context.Context, name string) error {
	if line == "" {
		return nil
	}
	return func(ctx context.Context, name string) error {
		line := strings.NewReplacer("%%", "%", "%", host.ShellWord(name)).Replace(line)
		out, err := v.Query(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
		if err != nil {
			return &resources.AttrError{Attr: "validate_cmd", Err: err}
		}
		if out.ExitCode != 0 {
			tail := append(out.Stdout, out.Stderr...)
			tail = tail[max(0, len(tail)-4<<10):]
			return &resources.AttrError{Attr: "validate_cmd", Err: &resources.CommandError{
				ExitCode: out.ExitCode, Tail: strings.TrimRight(strings.ToValidUTF8(string(tail), "\ufffd"), "\n"),
			}}
		}
		return nil
	}
}
