package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
)

// Enrollment is what makes a node known to an etcd cluster: a user named after it, and a role that reads all facts and writes
// its own, in some deployments. A user without a password is let in by its certificate alone (--client-cert-auth).
type Enrollment struct {
	Node        string
	Deployments []string
	Password    string
}

func (e Enrollment) role() string { return "apply-" + e.Node }

func (e Enrollment) check() error {
	if err := name.Node(e.Node); err != nil {
		return err
	}
	if len(e.Deployments) == 0 {
		return errors.New("enroll: no deployment")
	}
	for _, d := range e.Deployments {
		if err := name.Deployment(d); err != nil {
			return err
		}
	}
	return nil
}

// Commands are the etcdctl commands that do it. The password is not in them: etcdctl asks for it.
func (e Enrollment) Commands() ([]string, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	user := "etcdctl user add " + e.Node
	if e.Password == "" {
		user += " --no-password"
	}
	out := []string{
		"etcdctl role add " + e.role(),
		fmt.Sprintf("etcdctl role grant-permission %s --prefix=true read %s", e.role(), name.All),
	}
	for _, d := range e.Deployments {
		out = append(out, fmt.Sprintf("etcdctl role grant-permission %s --prefix=true readwrite %s", e.role(), name.NodePrefix(d, e.Node)))
	}
	return append(out, user, fmt.Sprintf("etcdctl user grant-role %s %s", e.Node, e.role())), nil
}

// Enroll does it, by a store that was opened as an administrator. What is there already stays; the password is set anew.
func (s *Store) Enroll(ctx context.Context, e Enrollment) error {
	if err := e.check(); err != nil {
		return err
	}
	ctx, cancel := within(ctx)
	defer cancel()
	if _, err := s.c.RoleAdd(ctx, e.role()); err != nil && !errors.Is(err, rpctypes.ErrRoleAlreadyExist) {
		return s.failed(ctx, err)
	}
	grant := func(prefix string, p clientv3.PermissionType) error {
		_, err := s.c.RoleGrantPermission(ctx, e.role(), prefix, clientv3.GetPrefixRangeEnd(prefix), p)
		return err
	}
	if err := grant(name.All, clientv3.PermissionType(clientv3.PermRead)); err != nil {
		return s.failed(ctx, err)
	}
	for _, d := range e.Deployments {
		if err := grant(name.NodePrefix(d, e.Node), clientv3.PermissionType(clientv3.PermReadWrite)); err != nil {
			return s.failed(ctx, err)
		}
	}
	o := &clientv3.UserAddOptions{NoPassword: e.Password == ""}
	_, err := s.c.UserAddWithOptions(ctx, e.Node, e.Password, o)
	if errors.Is(err, rpctypes.ErrUserAlreadyExist) && e.Password != "" {
		_, err = s.c.UserChangePassword(ctx, e.Node, e.Password)
	}
	if err != nil && !errors.Is(err, rpctypes.ErrUserAlreadyExist) {
		return s.failed(ctx, err)
	}
	if _, err := s.c.UserGrantRole(ctx, e.Node, e.role()); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

// ExpelCommands are the etcdctl commands by which a node is no longer let in.
func ExpelCommands(node string) ([]string, error) {
	if err := name.Node(node); err != nil {
		return nil, err
	}
	return []string{"etcdctl user delete " + node, "etcdctl role delete " + Enrollment{Node: node}.role()}, nil
}

// Expel takes a node's user and role away, by a store that was opened as an administrator; what it has written stays. A node that has no user is [store.ErrNotFound].
func (s *Store) Expel(ctx context.Context, node string) error {
	if err := name.Node(node); err != nil {
		return err
	}
	ctx, cancel := within(ctx)
	defer cancel()
	_, noUser := s.c.UserDelete(ctx, node)
	if noUser != nil && !errors.Is(noUser, rpctypes.ErrUserNotFound) {
		return s.failed(ctx, noUser)
	}
	if _, err := s.c.RoleDelete(ctx, Enrollment{Node: node}.role()); err != nil && !errors.Is(err, rpctypes.ErrRoleNotFound) {
		return s.failed(ctx, err)
	}
	if noUser != nil {
		return fmt.Errorf("user %s: %w", node, store.ErrNotFound)
	}
	return nil
}
