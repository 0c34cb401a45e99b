package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/fetch"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/transport"
)

func putCommand(s *selection.Nodes) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put SOURCE... DESTINATION",
		Short: "Bring files and folders to many nodes",
		Long: `Bring files and folders to many nodes, whole or not at all: what a node received is verified by its checksum beside its place and then renamed into it.
Modes are kept. As with cp -r they go into DESTINATION if that is a folder, ends in / or there are several of them, else they become DESTINATION; what is in the
folder SOURCE/. goes to DESTINATION itself. A folder that is there is added to, each file old or new; where something is in the way of any of it, nothing is touched.`,
		Example: "  apply fleet put --on gluster motd /etc/motd\n  apply fleet put -w 'n[1-8]' site/ /srv/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || slices.Contains(args, "") {
				return usage.Error(cmd, errors.New("give what to bring, and where to"))
			}
			if err := onNodes(args[len(args)-1]); err != nil {
				return usage.Error(cmd, err)
			}
			return put(cmd.Context(), s, args[:len(args)-1], args[len(args)-1])
		},
	}
	s.AddTimeout(cmd, time.Hour, "for each node, 0 for none")
	return cmd
}

// put brings sources to dst on all nodes, through each other.
func put(ctx context.Context, s *selection.Nodes, sources []string, dst string) error {
	nodes, dialer, err := s.Selected(nil)
	if err != nil {
		return err
	}
	defer dialer.Close()
	bundle, err := files.NewBundle(sources)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := seat.NewProgram(self)
	if err != nil {
		return err
	}
	put, err := seat.NewPut(program, bundle)
	if err != nil {
		return err
	}
	notes := output.NewLines(s.Stderr, true) // what nodes say of each other may be anything
	put.Note = func(node, text string) { fmt.Fprintf(notes.Node(node), "%s\n", text) }
	log := s.Logger()
	defer func() {
		log.Debug("what left the seat", "nodes", len(nodes), "program", program.Brought(), "content", put.Asked())
	}()
	return s.On(ctx, nodes, dialer, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
		return transport.Exit{}, put.To(ctx, c, seat.At{Node: n.Name, Segment: selection.Segment(dialer, n.Target)}, dst)
	})
}

// onNodes refuses a name that a shell would have made another of: on the nodes none looks at it.
func onNodes(name string) error {
	if rest, home := strings.CutPrefix(name, "~"); home && (rest == "" || rest[0] == '/') {
		return fmt.Errorf("%s: nothing expands ~ on the nodes; what is not absolute begins in the home folder there: %q", name, "."+rest)
	}
	return nil
}

func getCommand(s *selection.Nodes) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get SOURCE DIR",
		Short: "Fetch a file or a folder from many nodes",
		Long: `Fetch a file or a folder from many nodes as DIR/NODE/NAME, whole or not at all: what was received is verified by its checksum beside its place and then
renamed into it. Modes are kept. What would leave less than a twentieth of the disk here, or 1 GiB where that is less, is given up.`,
		Example: "  apply fleet get --on gluster /etc/glusterfs collected",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || slices.Contains(args, "") {
				return usage.Error(cmd, errors.New("give what to fetch, and the folder to put it in"))
			}
			if err := onNodes(args[0]); err != nil {
				return usage.Error(cmd, err)
			}
			return s.Each(cmd.Context(), nil, func(ctx context.Context, n fleet.Node, c transport.Conn) (transport.Exit, error) {
				return transport.Exit{}, fetch.Get(ctx, c, n.Name, args[0], args[1])
			})
		},
	}
	s.AddTimeout(cmd, time.Hour, "for each node, 0 for none")
	return cmd
}
