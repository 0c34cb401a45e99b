package source_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/source"
)

// sshKey makes a key with ssh-keygen and returns its path.
func sshKey(t testing.TB, kind ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	args := append([]string{"-q", "-N", "", "-f", path, "-t"}, kind...)
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	return path
}

// signWith makes git sign with this SSH key.
func (r *repo) signWith(key string) {
	r.git("config", "gpg.format", "ssh")
	r.git("config", "user.signingKey", key)
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// signersFile writes a file of allowed signers.
func signersFile(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// signed is one checkout that asks for a signature: by whom, or the words of the refusal.
type signed struct {
	name, ref, signers, by, want string
}

func checkSigned(t *testing.T, r *repo, tests []signed) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			o.Signers = tt.signers
			got, err := source.Checkout(t.Context(), r.source(tt.ref, ""), o)
			if tt.want == "" {
				if err != nil || got.SignedBy != tt.by {
					t.Fatalf("want %q, got %+v %v", tt.by, got, err)
				}
				return
			}
			if !errors.Is(err, source.ErrUntrusted) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("want %q, got %v", tt.want, err)
			}
			empty(t, o.Parent)
		})
	}
}

func TestSSHSignatures(t *testing.T) {
	r := newRepo(t)
	r.git("tag", "light-unsigned")
	r.git("tag", "-a", "-m", "x", "unsigned")
	keys := map[string]string{"ed25519": sshKey(t, "ed25519"), "rsa": sshKey(t, "rsa", "-b", "2048"), "ecdsa": sshKey(t, "ecdsa"), "other": sshKey(t, "ed25519")}
	for _, kind := range []string{"rsa", "ecdsa", "other", "ed25519"} {
		r.signWith(keys[kind])
		r.git("tag", "-s", "-m", "a message\n\nof lines", kind)
	}
	for _, name := range []string{"tampered", "retargeted", "trailing"} {
		r.git("tag", "-s", "-m", "a message", name)
	}
	r.git("commit", "-q", "-S", "--allow-empty", "-m", "signed")
	r.git("tag", "light")
	r.git("tag", "-a", "-m", "x", "unsigned-of-signed")
	r.git("tag", "-s", "-m", "x", "nested", "ed25519")
	r.git("update-ref", "refs/tags/renamed", r.git("rev-parse", "refs/tags/ed25519"))
	r.git("update-ref", "refs/tags/tampered", r.tamper("tampered", "a message", "b message"))
	r.git("update-ref", "refs/tags/retargeted", r.tamper("retargeted", r.git("rev-parse", "ed25519^{commit}"), r.head()))
	r.git("update-ref", "refs/tags/trailing", r.tamper("trailing", "-----END SSH SIGNATURE-----", "-----END SSH SIGNATURE-----\nmore"))
	r.git("update-ref", "refs/tags/relabelled", r.tamper("ed25519", "tag ed25519", "tag relabelled"))
	r.git("tag", "-s", "-m", "x", "of-tree", "HEAD^{tree}")
	r.git("checkout", "-q", "-b", "bad")
	bad := strings.Replace(r.git("cat-file", "commit", "main")+"\n", "\nsigned", "\nforged", 1)
	r.git("update-ref", "refs/heads/bad", r.input(bad, "hash-object", "-t", "commit", "-w", "--stdin"))
	r.env = append(r.env, "GIT_COMMITTER_DATE=2015-01-01T00:00:00Z")
	r.git("tag", "-s", "-m", "x", "backdated")

	pub := readFile(t, keys["ed25519"]+".pub")
	good := signersFile(t, "# ours", "", "ops@example.org,*@example.org namespaces=\"file,git\" "+pub,
		"rsa "+readFile(t, keys["rsa"]+".pub"), "ecdsa "+readFile(t, keys["ecdsa"]+".pub"))
	dated := func(options string) string { return signersFile(t, "ops "+options+" "+pub) }
	checkSigned(t, r, []signed{
		{"ed25519", "ed25519", good, "ops@example.org,*@example.org", ""},
		{"by its full name", "refs/tags/ed25519", good, "ops@example.org,*@example.org", ""},
		{"rsa", "rsa", good, "rsa", ""},
		{"ecdsa", "ecdsa", good, "ecdsa", ""},
		{"a branch by its commit", "main", good, "ops@example.org,*@example.org", ""},
		{"a commit", r.git("rev-parse", "main"), good, "ops@example.org,*@example.org", ""},
		{"a lightweight tag by its commit", "light", good, "ops@example.org,*@example.org", ""},
		{"valid", "ed25519", dated(`valid-after="20200101",valid-before="29991231235959Z"`), "ops", ""},
		{"unsigned", "unsigned", good, "", `tag "unsigned": not signed`},
		{"unsigned commit", "light-unsigned", good, "", "not signed"},
		{"unsigned tag of a signed commit", "unsigned-of-signed", good, "", "not signed"},
		{"unknown key", "other", good, "", "not among the signers"},
		{"an old tag under a new name", "renamed", good, "", `is the tag "ed25519" under another name`},
		{"a tag of a tag", "nested", good, "", "points to a tag, not to a commit"},
		{"a tag of a tree", "of-tree", good, "", "points to a tree, not to a commit"},
		{"another message", "tampered", good, "", "signature does not match"},
		{"another commit", "retargeted", good, "", "signature does not match"},
		{"another name inside", "relabelled", good, "", "signature does not match"},
		{"text after the signature", "trailing", good, "", "malformed armour"},
		{"a commit with another message", "bad", good, "", "signature does not match"},
		{"expired", "ed25519", dated(`valid-before="20200101"`), "", "expired on 2020-01-01"},
		{"expired, backdated", "backdated", dated(`valid-before="20200101Z"`), "", "expired on 2020-01-01"},
		{"not yet", "ed25519", dated(`valid-after="29990101"`), "", "valid from 2999-01-01"},
		{"before the key was valid", "backdated", dated(`valid-after="20200101"`), "", "valid from 2020-01-01"},
		{"another namespace", "ed25519", dated(`namespaces="file"`), "", `not for namespace "git"`},
		{"a namespace excluded", "ed25519", dated(`namespaces="*,!git"`), "", `not for namespace "git"`},
	})

	t.Run("made for another namespace", func(t *testing.T) {
		payload, _, _ := strings.Cut(r.git("cat-file", "tag", "ed25519")+"\n", "-----BEGIN")
		payload = strings.Replace(payload, "tag ed25519", "tag email", 1)
		cmd := exec.Command("ssh-keygen", "-Y", "sign", "-n", "email", "-f", keys["ed25519"])
		cmd.Stdin = strings.NewReader(payload)
		sig, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		r.git("update-ref", "refs/tags/email", r.input(payload+string(sig), "hash-object", "-t", "tag", "-w", "--stdin"))
		checkSigned(t, r, []signed{{"", "email", good, "", `made for namespace "email"`}})
	})
	t.Run("from a local repository", func(t *testing.T) {
		l, err := source.OpenLocal(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		o := options(t)
		o.Signers = good
		if got, err := l.Checkout(t.Context(), "ed25519", o); err != nil || got.SignedBy == "" {
			t.Errorf("signed: %+v %v", got, err)
		}
		if _, err := l.Checkout(t.Context(), "unsigned", o); !errors.Is(err, source.ErrUntrusted) {
			t.Errorf("unsigned: %v", err)
		}
	})
}

// tamper copies a tag object with one text replaced.
func (r *repo) tamper(tag, from, to string) string {
	r.t.Helper()
	raw := r.git("cat-file", "tag", tag) + "\n"
	if !strings.Contains(raw, from) {
		r.t.Fatalf("%q is not in the tag %s", from, tag)
	}
	return r.input(strings.Replace(raw, from, to, 1), "hash-object", "-t", "tag", "--literally", "-w", "--stdin")
}

func TestSignersFileMistakesAreOrdinaryErrors(t *testing.T) {
	r := newRepo(t)
	pub := readFile(t, sshKey(t, "ed25519")+".pub")
	for _, tt := range []struct{ name, file, want string }{
		{"missing", "/nonexistent/signers", "no such file or directory"},
		{"a folder", t.TempDir(), "not a file"},
		{"empty", signersFile(t, "# nobody"), "no key in it"},
		{"malformed", signersFile(t, "", "ops nonsense"), "line 2: not of the form"},
		{"an authority", signersFile(t, "ops cert-authority "+pub), "line 1: cert-authority is not supported"},
		{"an unknown option", signersFile(t, "ops valid-since=20200101 "+pub), "valid-since: not an option"},
		{"a bad date", signersFile(t, "ops valid-before=tomorrow "+pub), `"tomorrow": not of the form YYYYMMDD`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			o.Signers = tt.file
			_, err := source.Checkout(t.Context(), r.source("main", ""), o)
			if err == nil || errors.Is(err, source.ErrUntrusted) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if tt.name == "missing" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("not fs.ErrNotExist: %v", err)
			}
			empty(t, o.StateDir)
		})
	}
}

// gpgHome is an OpenPGP keyring made by gpg for this test.
type gpgHome struct {
	t   testing.TB
	dir string
}

func newGPG(t testing.TB) gpgHome {
	t.Helper()
	for _, program := range []string{"gpg", "gpg-agent", "gpgconf"} {
		hosttest.Program(t, program, "OpenPGP signatures")
	}
	dir, err := os.MkdirTemp("", "gpg") // short: the agent's socket is in it
	if err != nil {
		t.Fatal(err)
	}
	g := gpgHome{t, dir}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		os.RemoveAll(dir)
	})
	return g
}

func (g gpgHome) run(args ...string) []byte {
	g.t.Helper()
	out, err := exec.Command("gpg", append([]string{"--homedir", g.dir, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		g.t.Fatalf("gpg %s: %v %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out
}

// export writes the public keys of these users.
func (g gpgHome) export(armour bool, users ...string) string {
	g.t.Helper()
	args := []string{"--export"}
	if armour {
		args = []string{"--armor", "--export"}
	}
	path := filepath.Join(g.t.TempDir(), "keyring")
	if err := os.WriteFile(path, g.run(append(args, users...)...), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

func TestOpenPGPSignatures(t *testing.T) {
	g := newGPG(t)
	r := newRepo(t)
	r.env = append(r.env, "GNUPGHOME="+g.dir)
	g.run("--quick-gen-key", "good <good@example.org>", "ed25519", "sign", "never")
	g.run("--quick-gen-key", "rsa <rsa@example.org>", "rsa2048", "sign", "never")
	g.run("--quick-gen-key", "other <other@example.org>", "ed25519", "sign", "never")
	g.run("--faked-system-time", "20200101T000000!", "--quick-gen-key", "old <old@example.org>", "ed25519", "sign", "1y")
	for _, user := range []string{"good", "rsa", "other"} {
		r.git("tag", "-s", "-u", user+"@example.org", "-m", "message", user)
	}
	faked := filepath.Join(t.TempDir(), "gpg")
	script := "#!/bin/sh\nexec gpg --faked-system-time 20200601T000000! \"$@\"\n"
	if err := os.WriteFile(faked, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	r.git("-c", "gpg.program="+faked, "tag", "-s", "-u", "old@example.org", "-m", "message", "old")
	r.git("commit", "-q", "--allow-empty", "-Sgood@example.org", "-m", "signed")
	r.git("tag", "-s", "-u", "good@example.org", "-m", "message", "tampered")
	r.git("update-ref", "refs/tags/tampered", r.tamper("tampered", "message", "massage"))
	r.git("update-ref", "refs/tags/renamed", r.git("rev-parse", "refs/tags/good"))
	r.signWith(sshKey(t, "ed25519"))
	r.git("tag", "-s", "-m", "x", "ssh")

	armoured, binary := g.export(true, "good", "rsa", "old"), g.export(false, "good", "rsa", "old")
	allowed := signersFile(t, "ops "+readFile(t, sshKey(t, "ed25519")+".pub"))
	checkSigned(t, r, []signed{
		{"armoured keyring", "good", armoured, "good <good@example.org>", ""},
		{"binary keyring", "good", binary, "good <good@example.org>", ""},
		{"rsa", "rsa", binary, "rsa <rsa@example.org>", ""},
		{"a commit", "main", armoured, "good <good@example.org>", ""},
		{"an unknown key", "other", armoured, "", "unknown entity"},
		{"an expired key", "old", armoured, "", "expired"},
		{"another message", "tampered", armoured, "", "signature: openpgp: invalid signature"},
		{"an old tag under a new name", "renamed", armoured, "", "under another name"},
		{"an SSH signature", "ssh", armoured, "", "is an OpenPGP keyring"},
		{"SSH signers", "good", allowed, "", "has SSH keys"},
	})
}
