package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/name"
)

// made is an authority whose clock the test holds.
func made(t *testing.T, dir string, now *time.Time) *Authority {
	t.Helper()
	a, err := OpenAuthority(t.Context(), dir, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func enrolled(t *testing.T, a *Authority, node string) (*Credentials, *x509.Certificate) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), node)
	if err := a.Enroll(node, dir); err != nil {
		t.Fatal(err)
	}
	c, err := LoadCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c, c.leaf()
}

func TestWhoIsStillGood(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	a := made(t, dir, &now)
	_, one := enrolled(t, a, "node01")
	_, two := enrolled(t, a, "node02")
	if err := errors.Join(a.Check(one), a.Check(two)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	other := made(t, dir, &now) // another process
	if err := other.Revoke(t.Context(), "node01"); err != nil {
		t.Fatal(err)
	}
	if err := a.Check(one); !errors.Is(err, ErrRevoked) || !strings.HasPrefix(err.Error(), "node01: ") {
		t.Errorf("revoked: %v", err)
	}
	if err := a.Check(two); err != nil {
		t.Errorf("another one: %v", err)
	}
	now = now.Add(time.Minute)
	if _, again := enrolled(t, a, "node01"); a.Check(again) != nil || !errors.Is(a.Check(one), ErrRevoked) {
		t.Errorf("enrolled again: %v, and what was revoked: %v", a.Check(again), a.Check(one))
	}
	now = now.Add(nodeValidity)
	if err := a.Check(two); err == nil || !strings.Contains(err.Error(), "node02: certificate has run out on ") {
		t.Errorf("run out: %v", err)
	}
}

// A certificate that was renewed while its node was being revoked, after the moment that is kept and before it was kept, ends with the one that it is of.
func TestRenewedWhileRevoked(t *testing.T) {
	now := time.Now()
	a := made(t, t.TempDir(), &now)
	_, first := enrolled(t, a, "node01")
	now = now.Add(time.Minute)
	if err := a.Revoke(t.Context(), "node01"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Millisecond)
	renewed, err := a.Renew(first)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(renewed)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Check(c); !errors.Is(err, ErrRevoked) || !c.NotAfter.After(first.NotAfter) {
		t.Errorf("good to %v, was to %v: %v", c.NotAfter, first.NotAfter, err)
	}
}

// TestClocks: a certificate is good for those whose clocks are behind, from the moment on in which the authority itself was made.
func TestClocks(t *testing.T) {
	now := time.Now()
	a := made(t, t.TempDir(), &now)
	_, leaf := enrolled(t, a, "node01")
	for behind, good := range map[time.Duration]bool{0: true, 23 * time.Hour: true, 25 * time.Hour: false, -89 * 24 * time.Hour: true, -91 * 24 * time.Hour: false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: now.Add(-behind), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if (err == nil) != good {
			t.Errorf("a clock that is %v behind: %v", behind, err)
		}
	}
}

// TestAClockThatWasAhead: what was issued then is good when the clock is right again, and a node that is put out stays out, until it is let in anew.
func TestAClockThatWasAhead(t *testing.T) {
	start := time.Now()
	now := start
	a := made(t, t.TempDir(), &now)
	now = start.Add(80 * 24 * time.Hour)
	_, leaf := enrolled(t, a, "node01")
	server, err := a.Server(nil)
	if err := errors.Join(err, a.Know(t.Context(), "node01")); err != nil {
		t.Fatal(err)
	}
	now = start.Add(time.Hour)
	for _, c := range []*x509.Certificate{leaf, server.Leaf} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s: %v", c.Subject.CommonName, err)
		}
	}
	if err := a.Revoke(t.Context(), "node01"); err != nil {
		t.Fatal(err)
	}
	if err := a.Check(leaf); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
	if _, again := enrolled(t, a, "node01"); a.Check(again) != nil {
		t.Errorf("let in anew: %v", a.Check(again))
	}
}

// TestPassing: what ends with its process is good at any time, for nodes that were switched on without a clock too.
func TestPassing(t *testing.T) {
	a, err := OpenAuthority(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Server(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, node := enrolled(t, a, "node01")
	for _, leaf := range []*x509.Certificate{server.Leaf, node} {
		for _, year := range []int{1971, 2300} {
			at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				t.Errorf("in %d: %v", year, err)
			}
		}
	}
}

// TestABrokenListLetsNobodyIn: taken for empty, it would let the revoked in.
func TestABrokenListLetsNobodyIn(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	a := made(t, dir, &now)
	_, one := enrolled(t, a, "node01")
	if err := a.Revoke(t.Context(), "node01"); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "authority", "revoked.json")
	if err := os.WriteFile(list, []byte(`{"node01":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Check(one); err == nil || !strings.Contains(err.Error(), list) {
		t.Errorf("got %v", err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	now := time.Now()
	a := made(t, t.TempDir(), &now)
	if err := a.Revoke(t.Context(), "../x"); !errors.Is(err, name.ErrName) {
		t.Errorf("revoke: %v", err)
	}
	if _, err := a.Sign("a/b", nil); !errors.Is(err, name.ErrName) {
		t.Errorf("sign: %v", err)
	}
	if err := a.Enroll("a b", t.TempDir()); !errors.Is(err, name.ErrName) {
		t.Errorf("enroll: %v", err)
	}
}

// TestOnlyTheAuthoritysOwnRenewalIsTaken: a certificate of another authority, key or name does not come into the folder.
func TestOnlyTheAuthoritysOwnRenewalIsTaken(t *testing.T) {
	now := time.Now()
	a, foreign := made(t, t.TempDir(), &now), made(t, t.TempDir(), &now)
	c, leaf := enrolled(t, a, "node01")
	_, theirs := enrolled(t, a, "node02")
	sign := func(by *Authority, node string, of *x509.Certificate) []byte {
		b, err := by.Sign(node, of.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	server, err := a.Server([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(c.dir, "node.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"no certificate": []byte("<html>"), "a key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}),
		"another authority's": sign(foreign, "node01", leaf), "another name": sign(a, "node02", leaf), "another key": sign(a, "node01", theirs),
		"a server's": certPEM(server.Certificate[0]),
	} {
		if err := c.Renew(t.Context(), b); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if after, err := os.ReadFile(filepath.Join(c.dir, "node.pem")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the folder was changed: %v", err)
	}
	if err := c.Renew(t.Context(), sign(a, "node01", leaf)); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	a := made(t, dir, &now)
	token, err := a.NewToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := made(t, dir, &now).CheckToken(token); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", token[1:], token + "x"} {
		if err := a.CheckToken(bad); !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	kept, err := os.ReadFile(filepath.Join(dir, "authority", "tokens.json"))
	if err != nil || bytes.Contains(kept, []byte(token)) {
		t.Errorf("the token itself is kept: %s %v", kept, err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "authority", "tokens.json")), a.CheckToken(token)); !errors.Is(err, ErrToken) {
		t.Errorf("taken back: %v", err)
	}
}

// TestEnrollFolders: the credentials' folder is its owner's, what is above it is everybody's, such as /etc/apply with the settings of all users' runs.
func TestEnrollFolders(t *testing.T) {
	now := time.Now()
	dir := filepath.Join(t.TempDir(), "apply", "exchange")
	if err := made(t, t.TempDir(), &now).Enroll("node01", dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o755} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: want mode %v, got %v", filepath.Base(name), want, info.Mode().Perm())
		}
	}
}
