package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/resources"
)

// fullDisk is a node on which no file can be written any more.
type fullDisk struct{ host.Host }

func (fullDisk) WriteFile(_ context.Context, name string, _ host.NewFile) error {
	return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
}

// A resource that failed has a text for people, which holds no sensitive value, and is what it failed with for errors.Is and errors.As.
func Example_errors() {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(main, []byte("file \"/motd\" { content = \"hello\\n\" }\nexec \"no\" { command = \"/no/such/program\" }\n"), 0o600); err != nil {
		panic(err)
	}
	node, err := local.New(local.Options{Root: dir})
	if err != nil {
		panic(err)
	}
	defer node.Close()
	ctx := context.Background()
	m, err := apply.Load(ctx, main, apply.Options{Host: fullDisk{node}})
	if err != nil {
		panic(err)
	}
	rep, err := m.Converge(ctx, engine.Options{})
	if err != nil {
		panic(err) // nothing was touched
	}
	for _, r := range rep.Results {
		var command *resources.CommandError
		switch {
		case errors.Is(r.Error, syscall.ENOSPC):
			fmt.Println(r.Address, "needs room:", r.Error.Summary)
		case errors.As(r.Error, &command):
			fmt.Println(r.Address, "ended with", command.ExitCode)
		}
	}
	// Output:
	// file["/motd"] needs room: write /motd: no space left on device
	// exec.no ended with 127
}
