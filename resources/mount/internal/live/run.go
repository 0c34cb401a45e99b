package live

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/internal/tool"
)

// stackLimit bounds how many mounts on one point are taken off one after the other.
const stackLimit = 100

// Run runs mount(8) or umount(8).
func Run(ctx context.Context, h host.Host, args ...string) error {
	return tool.Run(ctx, h, host.Cmd{Args: args})
}

// Unmount takes off all that is stacked on a mount point. With deep, which is for what rbind mounted, what is mounted inside goes first; else only what the kernel
// has handed on from where the same folder is mounted too.
func Unmount(ctx context.Context, h host.Host, point string, deep bool) error {
	for range stackLimit {
		stack, err := At(ctx, h, point)
		if err != nil || len(stack) == 0 {
			return err
		}
		all, err := h.Mounts(ctx)
		if err != nil {
			return err
		}
		inside := handedOn(all, stack[len(stack)-1])
		umount := []string{"umount", "--", point}
		if deep {
			umount, inside = []string{"umount", "-R", "--", point}, nil
		}
		if deep || inside != nil { // else where it was bound from would lose what is mounted inside, too
			if err := Run(ctx, h, "mount", "--make-rslave", "--", point); err != nil {
				return err
			}
		}
		for _, in := range inside {
			if err := Run(ctx, h, "umount", "--", in); err != nil {
				return err
			}
		}
		if err := Run(ctx, h, umount...); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: more than %d mounts are stacked there", point, stackLimit)
}
