package tree_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/tree"
	"github.com/nodeapply/apply/fleet/tree/authority"
	"github.com/nodeapply/apply/fleet/tree/content"
)

// varied is a content of which no two chunks are the same.
func varied(size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

// run is what the seat has: an authority, a content.
type run struct {
	*authority.Authority
	data []byte
	spec *content.Spec
}

func newRun(t *testing.T, size int) *run {
	t.Helper()
	a, err := authority.New()
	must(t, err)
	data := varied(size)
	spec, err := content.New(bytes.NewReader(data), int64(size), nil)
	must(t, err)
	return &run{a, data, spec}
}

func (r *run) identity(t *testing.T, name string) *authority.Identity {
	t.Helper()
	id, err := r.Identity(name)
	must(t, err)
	return id
}

// seat serves the content from the seat, and counts what it is asked for.
func (r *run) seat(asked *int) tree.Seat {
	return func(_ context.Context, id string, offset int64) (io.ReadCloser, error) {
		*asked++
		if id != r.spec.ID {
			return nil, errors.New("another content")
		}
		return io.NopCloser(bytes.NewReader(r.data[offset:])), nil
	}
}

// fetch gets the content as a node does.
func (r *run) fetch(t *testing.T, s *tree.Store, o tree.Order, asked *int) ([]byte, []tree.Note, error) {
	t.Helper()
	file, err := os.Create(t.TempDir() + "/spool")
	must(t, err)
	t.Cleanup(func() { file.Close() })
	o.Spec = r.spec
	notes, err := s.Fetch(t.Context(), o, r.identity(t, "child"), file, r.seat(asked))
	got, readErr := os.ReadFile(file.Name())
	must(t, readErr)
	return got, notes, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// parent is a node that answers requests by fn.
func (r *run) parent(t *testing.T, server string, id *authority.Identity, fn func(w io.Writer, offset int64)) tree.Source {
	t.Helper()
	pair, err := tls.X509KeyPair(id.Certificate, id.Key)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(id.Authority)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	must(t, err)
	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			owned.Go(func() {
				defer conn.Close()
				line, err := bufio.NewReader(conn).ReadString('\n')
				var id string
				var offset int64
				if _, scanErr := fmt.Sscan(line, &id, &offset); err != nil || scanErr != nil {
					return
				}
				fn(conn, offset)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); owned.Wait() })
	return tree.Source{Name: "parent", Server: server, Address: ln.Addr().String()}
}

// TestChain: a content goes through nodes that have only a part of it when they are asked.
func TestChain(t *testing.T) {
	r := newRun(t, 3<<20+17)
	asked := 0
	var sources []tree.Source
	type end struct {
		got   []byte
		notes []tree.Note
		err   error
	}
	ends := make(chan end, 4)
	for i := range 4 {
		name := fmt.Sprintf("n%d", i)
		store := tree.NewStore()
		srv, err := tree.Listen(t.Context(), "127.0.0.1", r.identity(t, name), store)
		must(t, err)
		t.Cleanup(func() { srv.Close() })
		order := tree.Order{Sources: sources, Patience: 20 * time.Second}
		go func() {
			got, notes, err := r.fetch(t, store, order, &asked)
			ends <- end{got, notes, err}
		}()
		sources = []tree.Source{{Name: name, Server: name, Address: srv.Address()}}
	}
	for range 4 {
		if e := <-ends; !bytes.Equal(e.got, r.data) || e.notes != nil || e.err != nil {
			t.Errorf("%d bytes of %d came, %v, %v", len(e.got), len(r.data), e.notes, e.err)
		}
	}
	if asked != 1 {
		t.Errorf("the seat was asked %d times", asked)
	}
}

// TestHoles: what lies in holes does not travel, from the seat or from a node, and what comes is the content.
func TestHoles(t *testing.T) {
	const chunk = 256 << 10
	data := varied(9 * chunk)
	holes := []content.Hole{{Offset: 100, Size: chunk - 100}, {Offset: chunk, Size: 2*chunk + 1}, {Offset: 4*chunk - 7, Size: chunk + 7}, {Offset: 7 * chunk, Size: 2 * chunk}}
	for _, h := range holes {
		clear(data[h.Offset : h.Offset+h.Size])
	}
	const travels = 4 * chunk // but for chunks 1, 2, 4, 7 and 8
	a, err := authority.New()
	must(t, err)
	spec, err := content.New(bytes.NewReader(data), int64(len(data)), holes)
	must(t, err)
	r := &run{a, data, spec}
	sent := 0
	seat := func(_ context.Context, _ string, offset int64) (io.ReadCloser, error) {
		var b bytes.Buffer
		err := spec.Send(&b, bytes.NewReader(data), offset, spec.Size, make([]byte, 1000))
		sent += b.Len()
		return io.NopCloser(&b), err
	}
	first, second := tree.NewStore(), tree.NewStore()
	srv, err := tree.Listen(t.Context(), "127.0.0.1", r.identity(t, "first"), first)
	must(t, err)
	defer srv.Close()
	fetch := func(name string, store *tree.Store, sources ...tree.Source) {
		t.Helper()
		file, err := os.Create(t.TempDir() + "/" + name)
		must(t, err)
		t.Cleanup(func() { file.Close() })
		must(t, file.Truncate(spec.Size))
		written, before := 0, sent
		notes, err := store.Fetch(t.Context(), tree.Order{Spec: spec, Sources: sources, Patience: 20 * time.Second}, r.identity(t, name), counted{file, &written}, seat)
		if err != nil || notes != nil {
			t.Fatal(err, notes)
		}
		got, err := os.ReadFile(file.Name())
		must(t, err)
		if !bytes.Equal(got, data) || written != travels {
			t.Errorf("%s: want %d bytes to come, got %d", name, travels, written)
		}
		if want := travels * (1 - len(sources)); sent-before != want {
			t.Errorf("%s: want %d bytes from the seat, got %d", name, want, sent-before)
		}
	}
	fetch("first", first)
	fetch("second", second, tree.Source{Name: "first", Server: "first", Address: srv.Address()})
}

// counted counts what is written to a file.
type counted struct {
	*os.File
	n *int
}

func (c counted) WriteAt(p []byte, offset int64) (int, error) {
	*c.n += len(p)
	return c.File.WriteAt(p, offset)
}

// TestWrongParents: whatever a parent does, the content comes whole, from the next one or the seat, and what was wrong is named.
func TestWrongParents(t *testing.T) {
	r := newRun(t, 1<<20)
	other := newRun(t, 1)
	altered := bytes.Clone(r.data)
	altered[600<<10] ^= 1
	good := r.parent(t, "good", r.identity(t, "good"), func(w io.Writer, offset int64) { w.Write(r.data[offset:]) })
	good.Name = "good"
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed.Close()
	release := make(chan struct{})
	defer close(release)
	for _, tt := range []struct {
		name    string
		sources []tree.Source
		problem string
		seat    int
	}{
		{"right", []tree.Source{good}, "", 0},
		{"none", nil, "", 1},
		{"alters", []tree.Source{r.parent(t, "p", r.identity(t, "p"), func(w io.Writer, o int64) { w.Write(altered[o:]) })}, "altered data: chunk 2", 1},
		{"alters, another is right", []tree.Source{r.parent(t, "p", r.identity(t, "p"), func(w io.Writer, o int64) { w.Write(altered[o:]) }), good}, "altered data: chunk 2", 0},
		{"ends", []tree.Source{r.parent(t, "p", r.identity(t, "p"), func(w io.Writer, o int64) { w.Write(r.data[o : 300<<10]) })}, "ended in chunk 1", 1},
		{"delays", []tree.Source{r.parent(t, "p", r.identity(t, "p"), func(w io.Writer, o int64) { w.Write(r.data[o:1000]); <-release })}, "delayed data: no chunk within 1s", 1},
		{"is not there", []tree.Source{{Name: "parent", Server: "p", Address: closed.Addr().String()}}, "connection refused", 1},
		{"is another", []tree.Source{r.parent(t, "p", r.identity(t, "q"), func(w io.Writer, o int64) { w.Write(r.data[o:]) })}, "certificate is valid for q", 1},
		{"is a stranger", []tree.Source{r.parent(t, "p", other.identity(t, "p"), func(w io.Writer, o int64) { w.Write(r.data[o:]) })}, "unknown authority", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			got, notes, err := r.fetch(t, tree.NewStore(), tree.Order{Sources: tt.sources, Patience: time.Second / 4}, &asked)
			if !bytes.Equal(got, r.data) || err != nil {
				t.Errorf("%d of %d bytes came: %v", len(got), len(r.data), err)
			}
			problem := ""
			for _, n := range notes {
				problem += n.Source + ": " + n.Problem
			}
			if tt.problem == "" && problem != "" || tt.problem != "" && !strings.HasPrefix(problem, "parent: ") || !strings.Contains(problem, tt.problem) {
				t.Errorf("want %q, got %q", tt.problem, problem)
			}
			if diff := cmp.Diff(tt.seat, asked); diff != "" {
				t.Errorf("the seat was asked: %s", diff)
			}
		})
	}
}

// TestStrangers: those without a certificate of the run get nothing.
func TestStrangers(t *testing.T) {
	r, other := newRun(t, 1<<20), newRun(t, 1)
	store := tree.NewStore()
	asked := 0
	if _, _, err := r.fetch(t, store, tree.Order{}, &asked); err != nil {
		t.Fatal(err)
	}
	srv, err := tree.Listen(t.Context(), "127.0.0.1", r.identity(t, "n"), store)
	must(t, err)
	defer srv.Close()
	get := func(certificates ...tls.Certificate) int {
		conn, err := tls.Dial("tcp", srv.Address(), &tls.Config{InsecureSkipVerify: true, Certificates: certificates})
		if err != nil {
			return 0
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s 0\n", r.spec.ID)
		n, _ := io.Copy(io.Discard, conn)
		return int(n)
	}
	pair := func(id *authority.Identity) tls.Certificate {
		p, err := tls.X509KeyPair(id.Certificate, id.Key)
		must(t, err)
		return p
	}
	got := []int{get(), get(pair(other.identity(t, "child"))), get(pair(r.identity(t, "child")))}
	if diff := cmp.Diff([]int{0, 0, len(r.data)}, got); diff != "" {
		t.Error(diff)
	}
}

// TestTree: no node has more than two children, none is far from the seat, and a node that leaves waits for its children.
func TestTree(t *testing.T) {
	tr := tree.NewTree()
	children := map[string]int{}
	var members []*tree.Member
	var last []tree.Source
	for i := range 128 {
		m, sources, _ := tr.Join("s", tree.Source{Name: fmt.Sprint(i), Address: "10.0.0.1:1"})
		members, last = append(members, m), sources
		parent := "seat"
		if len(sources) > 0 {
			parent = sources[0].Name
		}
		children[parent]++
	}
	for name, n := range children {
		if n > 2 {
			t.Errorf("%s has %d children", name, n)
		}
	}
	if children["seat"] != 2 || len(children) != 1+63 { // two each
		t.Errorf("%d get it from the seat, %d from others pass it on", children["seat"], len(children)-1)
	}
	if len(last) > 6 {
		t.Errorf("the last of 128 nodes is %d nodes away from the seat", len(last))
	}
	if _, sources, _ := tr.Join("other", tree.Source{Name: "x"}); sources != nil {
		t.Errorf("a node of another segment was sent to %v", sources)
	}
	left := make(chan struct{})
	go func() { members[0].Leave(t.Context()); close(left) }()
	members[2].Got()
	select {
	case <-left:
		t.Fatal("a parent left before its children had the content")
	default:
	}
	members[3].Got() // its last child
	<-left
}
