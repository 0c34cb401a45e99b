package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/store"
)

func frames() []Frame {
	at := time.Unix(1700000000, 5).UTC()
	return []Frame{
		{Event: &store.Event{Entry: store.Entry{Key: "facts/d/n/up", Value: []byte(`{"a":1}`), Revision: 7, Created: 3, Lease: 1 << 60, Time: at}}},
		{Event: &store.Event{Entry: store.Entry{Key: "k", Value: []byte{}, Revision: 1, Created: 1}}},
		{Event: &store.Event{Entry: store.Entry{Key: "k", Revision: 9}, Deleted: true}},
		{Mark: &Mark{Revision: 12, Now: at}},
		{Mark: &Mark{Revision: -1}},
		{Failure: &Failure{Code: "compacted", Error: "history is forgotten"}},
	}
}

func TestFramesThereAndBack(t *testing.T) {
	var all, scratch []byte
	for _, f := range frames() {
		all, scratch = Encode(all, scratch, f)
	}
	r := bufio.NewReader(bytes.NewReader(all))
	for _, want := range frames() {
		got, err := Read(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := Read(r); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// TestAFrameThatIsCutOffIsNone: at whatever byte a stream ends, no frame comes of the rest.
func TestAFrameThatIsCutOffIsNone(t *testing.T) {
	for i, f := range frames() {
		whole, _ := Encode(nil, nil, f)
		for n := range whole {
			_, err := Read(bufio.NewReader(bytes.NewReader(whole[:n])))
			if err == nil || n > 0 && errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("frame %d, cut off after %d of %d bytes: %v", i, n, len(whole), err)
			}
		}
	}
}

func TestWhatIsNoFrame(t *testing.T) {
	for _, p := range [][]byte{{}, {'X'}, {'E'}, {'E', 2}, {'E', 2, 2, 0, 0, 200, 1, 'k'}, {'D'}, {'M', 2}, {'F', 100, 'x'}, bytes.Repeat([]byte{0xff}, 30)} {
		if f, err := Decode(p); err == nil {
			t.Errorf("%q is taken for %+v", p, f)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, x := range frames() {
		b, _ := Encode(nil, nil, x)
		f.Add(b[1:])
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := Decode(p)
		if err != nil {
			return
		}
		again, _ := Encode(nil, nil, got)
		back, err := Read(bufio.NewReader(bytes.NewReader(again)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, back); diff != "" {
			t.Error(diff)
		}
	})
}

// TestErrorsTravel: what the server's store says is what the client's caller can ask for.
func TestErrorsTravel(t *testing.T) {
	for _, want := range []error{
		store.ErrNotFound, store.ErrConflict, store.ErrNoLease, store.ErrCompacted, store.ErrDenied, store.ErrRefused, store.ErrUnavailable,
	} {
		_, f := Status(fmt.Errorf("facts/d/n/up: %w", want))
		got := f.Err()
		if !errors.Is(got, want) || got.Error() != "facts/d/n/up: "+want.Error() {
			t.Errorf("%v came as %v", want, got)
		}
	}
	if _, f := Status(errors.New("disk on fire")); !errors.Is(f.Err(), store.ErrUnavailable) {
		t.Errorf("an error that is not the store's own: %v", f.Err())
	}
	if err := (Failure{Code: "later"}).Err(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a code of a later version: %v", err)
	}
	w := httptest.NewRecorder()
	Handler(func(http.ResponseWriter, *http.Request) error { return store.ErrConflict }).ServeHTTP(w, nil)
	if w.Code != 409 || w.Header().Get("Content-Type") != JSON || w.Body.String() != `{"code":"conflict","error":"changed by another"}`+"\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
