package database

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/store"
)

// A file that is damaged is moved aside and told, and the exchange begins without it. Nothing else that goes wrong moves it.
func TestBrokenFiles(t *testing.T) {
	cut := func(size int64) func(string) error { return func(path string) error { return os.Truncate(path, size) } }
	page := func(n int64) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, os.Getpagesize()), n*int64(os.Getpagesize()))
			return err
		}
	}
	for name, tt := range map[string]struct {
		damage func(path string) error
		want   string // told
		fails  string
	}{
		"as it should be":    {func(string) error { return nil }, "", ""},
		"one header":         {page(0), "", ""},
		"both headers":       {func(path string) error { return errors.Join(page(0)(path), page(1)(path)) }, "broken: invalid database", ""},
		"a page":             {page(2), "broken: ", ""},
		"another page":       {page(3), "broken: ", ""},
		"cut off":            {cut(2*int64(os.Getpagesize()) + 100), "broken: it is cut off", ""},
		"cut off at once":    {cut(10), "broken: invalid database", ""},
		"emptied":            {cut(0), "", ""},
		"no file can be had": {func(path string) error { return errors.Join(os.Remove(path), os.Symlink("gone/exchange.db", path)) }, "", "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "exchange.db")
			db, hub, err := Open(dir, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			value := bytes.Repeat([]byte("x"), 20000) // of several pages
			if _, err := hub.Put(t.Context(), store.Put{Key: "k", Value: value, Expect: store.Any}); err != nil {
				t.Fatal(err)
			}
			hub.Close()
			db.Close()
			if err := tt.damage(path); err != nil {
				t.Fatal(err)
			}
			var told bytes.Buffer
			db, hub, err = Open(dir, slog.New(slog.NewTextHandler(&told, nil)))
			_, moved := os.Stat(path + ".broken")
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) || moved == nil {
					t.Errorf("got %v, moved aside: %v", err, moved == nil)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			defer hub.Close()
			if (moved == nil) != (tt.want != "") || !strings.Contains(told.String(), tt.want) || tt.want == "" && told.Len() > 0 {
				t.Errorf("moved aside: %v; told: %s", moved == nil, &told)
			}
			if _, err := hub.Put(t.Context(), store.Put{Key: "after", Value: value, Expect: 0}); err != nil {
				t.Errorf("it does not serve: %v", err)
			}
		})
	}
}

// A database whose records are damaged is not served from, and what is wrong with it is told.
func TestBrokenRecords(t *testing.T) {
	entry := func(key string) []byte {
		return wire.AppendEntry(nil, store.Event{Entry: store.Entry{Key: key, Value: []byte("{}"), Revision: 1, Created: 1}})
	}
	for name, tt := range map[string]struct {
		bucket, key string
		value       []byte
		want        string
	}{
		"as it should be":    {"entries", "k", entry("k"), ""},
		"another key":        {"entries", "k", entry("other"), `entry "k" is broken: it holds something else`},
		"a lease":            {"leases", "12345678", be(uint64(time.Minute)), ""},
		"half a lease":       {"leases", "12345678", []byte{1}, "lease 3132333435363738 is broken"},
		"a lease's half key": {"leases", "12", be(1), "lease 3132 is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := openBolt(filepath.Join(t.TempDir(), "exchange.db"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			err = b.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tt.bucket)).Put([]byte(tt.key), tt.value) })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Load(time.Now()); (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}

// A file that is damaged while it is served from is written anew at the next write, of what the server holds; where that cannot be, the write is refused and
// what to read stays.
func TestDamagedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "exchange.db")
	var told bytes.Buffer
	db, hub, err := Open(dir, slog.New(slog.NewTextHandler(&told, nil)))
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string) error {
		_, err := hub.Put(t.Context(), store.Put{Key: key, Value: bytes.Repeat([]byte("x"), 9000), Expect: store.Any})
		return err
	}
	lease, err := hub.Grant(t.Context(), time.Hour)
	if err = errors.Join(err, put("a"), put("b"), put("c"), hub.Delete(t.Context(), "b", store.Any)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	page := int64(os.Getpagesize())
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size()-2*page)), 2*page); err != nil { // all but the headers
		t.Fatal(err)
	}
	f.Close()
	if err := os.Mkdir(path+".new", 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path+".new", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := put("d"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), path+" is damaged (") || !strings.Contains(err.Error(), "cannot be written anew") {
			t.Errorf("refused: %v", err)
		}
	}
	if e, err := hub.Get(t.Context(), "a"); err != nil || e.Revision == 0 {
		t.Errorf("what it holds is lost: %v", err)
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put("d"), put("e")); err != nil {
		t.Fatal(err)
	}
	text := told.String()
	for _, once := range []string{"what nodes write cannot be kept", "was damaged: it was written anew", "what nodes write is kept again"} {
		if strings.Count(text, once) != 1 {
			t.Errorf("want told once %q, got\n%s", once, text)
		}
	}
	if !strings.Contains(text, path+".broken") {
		t.Errorf("told: %s", text)
	}
	hub.Close()
	db.Close()
	told.Reset()
	if db, hub, err = Open(dir, slog.New(slog.NewTextHandler(&told, nil))); err != nil || told.Len() > 0 {
		t.Fatalf("opened again: %v, %s", err, &told)
	}
	defer db.Close()
	defer hub.Close()
	all, err := hub.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range all.Entries {
		keys = append(keys, e.Key)
	}
	if got := strings.Join(keys, " "); got != "a c d e" {
		t.Errorf("it holds %s", got)
	}
	if err := hub.Renew(t.Context(), lease); err != nil {
		t.Errorf("the lease: %v", err)
	}
}

// What is moved away, replaced or removed while it is served from keeps nothing that is written: nobody would find it again. Where it comes back it does.
func TestMovedMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	path, aside := filepath.Join(dir, "exchange.db"), dir+".moved"
	db, hub, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	defer hub.Close()
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"there", func() error { return nil }, ""},
		{"moved", func() error { return os.Rename(dir, aside) }, "it was moved or removed: stat " + path},
		{"back", func() error { return os.Rename(aside, dir) }, ""},
		{"damaged", func() error { return os.Truncate(path, 100) }, ""},
		{"replaced", func() error { return os.Rename(path+".broken", path) }, path + " was replaced"},
		{"removed", func() error { return os.RemoveAll(dir) }, "it was moved or removed"},
	} {
		err := step.do()
		if err != nil {
			t.Fatal(err)
		}
		_, err = hub.Put(t.Context(), store.Put{Key: "k", Value: []byte("x"), Expect: store.Any})
		if (err == nil) != (step.want == "") || err != nil && (!errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), step.want)) {
			t.Errorf("%s: want %q, got %v", step.name, step.want, err)
		}
	}
}
