// Package operate is what the operator of an exchange does from the command line: let nodes in and out, and make tokens.
package operate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/store"
)

// Enroll makes credentials for a node, by the authority beside an exchange's data, and writes them to a folder.
func Enroll(ctx context.Context, data, node, out string) error {
	a, err := pki.OpenAuthority(ctx, data, time.Now)
	if err != nil {
		return err
	}
	if err := a.Enroll(node, out); err != nil {
		return err
	}
	return a.Know(ctx, node)
}

// Revoke ends all certificates of a node; a server that runs sees it at once. A name that was never let in is a StrangerError, as most likely another one was
// meant; it is put out nevertheless: the note of who was let in may have been lost.
func Revoke(ctx context.Context, data, node string) error {
	a, err := pki.FindAuthority(ctx, data)
	if err != nil {
		return err
	}
	if err := a.Revoke(ctx, node); err != nil {
		return err
	}
	known, err := a.Known()
	if err != nil || slices.Contains(known, node) {
		return err
	}
	return &StrangerError{Node: node, Known: known}
}

// StrangerError says that a node was never let in.
type StrangerError struct {
	Node  string
	Known []string // who was let in
}

// Error names the node.
func (e *StrangerError) Error() string { return fmt.Sprintf("node %s was never enrolled here", e.Node) }

// Forget removes what a node that is gone has written in an embedded exchange, of which the authority is beside its data. Only the node itself may write there:
// a certificate of it is made in dir, which is the caller's to remove.
func Forget(ctx context.Context, data, url, deployment, node, dir string) error {
	a, err := pki.FindAuthority(ctx, data)
	if err != nil {
		return err
	}
	if err := a.Enroll(node, dir); err != nil {
		return err
	}
	c, err := connect.Open(ctx, url, connect.Options{CredentialsDir: dir, Deployment: deployment})
	if err != nil {
		return err
	}
	err = c.Forget(ctx, node)
	if errors.Is(err, store.ErrDenied) {
		err = fmt.Errorf("%w (asked by the authority in %s: --data names where this exchange has its own)", err, data)
	}
	return errors.Join(err, c.Close())
}

// Token makes a bearer token for the HTTP face; it is known nowhere else.
func Token(ctx context.Context, data string) (string, error) {
	a, err := pki.OpenAuthority(ctx, data, time.Now)
	if err != nil {
		return "", err
	}
	return a.NewToken(ctx)
}

// EnrollEtcd makes a node known to an etcd cluster, by admin, opened as one of etcd's administrators: it makes the user and the role, and writes the password
// that it makes up to out (connect.LoginFile).
func EnrollEtcd(ctx context.Context, admin *connect.Connection, e etcd.Enrollment, out string) error {
	s, ok := admin.Store.(*etcd.Store)
	if !ok {
		return errors.New("enroll: not an etcd exchange")
	}
	e.Password = rand.Text()
	if err := s.Enroll(ctx, e); err != nil {
		return err
	}
	if err := durable.OwnFolder(out); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(out, connect.LoginFile), []byte(e.Node+":"+e.Password+"\n"), 0o600)
}

// RevokeEtcd takes from a node what EnrollEtcd has given it. A node that was never let in is a StrangerError.
func RevokeEtcd(ctx context.Context, admin *connect.Connection, node string) error {
	s, ok := admin.Store.(*etcd.Store)
	if !ok {
		return errors.New("revoke: not an etcd exchange")
	}
	err := s.Expel(ctx, node)
	if errors.Is(err, store.ErrNotFound) {
		err = &StrangerError{Node: node}
	}
	return err
}
