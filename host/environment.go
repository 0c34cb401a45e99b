package host

import (
	"context"
	"slices"
)

// WithEnv returns h with env (KEY=VALUE) in the environment of every command that may change the node.
func WithEnv(h Host, env ...string) Host { return &environment{Host: h, env: env} }

type environment struct {
	Host
	env []string
}

func (h *environment) Run(ctx context.Context, c Cmd) (Output, error) {
	c.Env = slices.Concat(c.Env, h.env)
	return h.Host.Run(ctx, c)
}

// Hold implements [Holder].
func (h *environment) Hold(name string) (Folder, error) { return Hold(h.Host, name), nil }
