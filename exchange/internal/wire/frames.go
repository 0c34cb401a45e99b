package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nodeapply/apply/exchange/store"
)

// A frame is a length (uvarint, bytes) and a payload; the payload's first byte says what it is. A list is entries and one
// mark; a watch is batches, each of events and one mark, and ends with a failure where it cannot go on. A stream that ends
// without a mark was cut off.
const (
	frameEntry   = 'E' // revision, created, lease, time (varints; ns since 1970, 0: none), length of key, key, value
	frameDeleted = 'D' // revision, key
	frameMark    = 'M' // revision, the store's clock: all before it is whole up to that revision
	frameFailure = 'F' // length of code, code, text
)

const maxFrame = 1 << 20

// Frame is one decoded frame: exactly one of the three.
type Frame struct {
	Event   *store.Event
	Mark    *Mark
	Failure *Failure
}

// Mark closes what came before it.
type Mark struct {
	Revision int64
	Now      time.Time
}

// AppendEntry appends the payload of one event.
func AppendEntry(b []byte, e store.Event) []byte {
	if e.Deleted {
		b = append(b, frameDeleted)
		b = binary.AppendVarint(b, e.Revision)
		return append(b, e.Key...)
	}
	b = append(b, frameEntry)
	b = binary.AppendVarint(b, e.Revision)
	b = binary.AppendVarint(b, e.Created)
	b = binary.AppendVarint(b, int64(e.Lease))
	b = binary.AppendVarint(b, nanos(e.Time))
	b = binary.AppendUvarint(b, uint64(len(e.Key)))
	b = append(b, e.Key...)
	return append(b, e.Value...)
}

// Encode appends a frame to b; scratch is only memory to work in and comes back grown.
func Encode(b, scratch []byte, f Frame) ([]byte, []byte) {
	p := scratch[:0]
	switch {
	case f.Event != nil:
		p = AppendEntry(p, *f.Event)
	case f.Mark != nil:
		p = append(p, frameMark)
		p = binary.AppendVarint(p, f.Mark.Revision)
		p = binary.AppendVarint(p, nanos(f.Mark.Now))
	case f.Failure != nil:
		p = append(p, frameFailure)
		p = binary.AppendUvarint(p, uint64(len(f.Failure.Code)))
		p = append(p, f.Failure.Code...)
		p = append(p, f.Failure.Error...)
	}
	b = binary.AppendUvarint(b, uint64(len(p)))
	return append(b, p...), p
}

// Read reads one frame. io.EOF means that the stream ended between frames.
func Read(r *bufio.Reader) (Frame, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return Frame{}, err
	}
	if n == 0 || n > maxFrame {
		return Frame{}, fmt.Errorf("frame of %d bytes", n)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		return Frame{}, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return Decode(p)
}

// Decode reads a payload. The result shares p's memory.
func Decode(p []byte) (Frame, error) {
	if len(p) == 0 {
		return Frame{}, errors.New("empty frame")
	}
	d := decoder{p: p[1:]}
	var f Frame
	switch p[0] {
	case frameEntry:
		e := &store.Event{}
		e.Revision, e.Created, e.Lease = d.varint(), d.varint(), store.LeaseID(d.varint())
		e.Time = instant(d.varint())
		e.Key = string(d.prefixed())
		e.Value = d.p
		f.Event = e
	case frameDeleted:
		e := &store.Event{Deleted: true}
		e.Revision = d.varint()
		e.Key = string(d.p)
		f.Event = e
	case frameMark:
		f.Mark = &Mark{Revision: d.varint(), Now: instant(d.varint())}
	case frameFailure:
		code := string(d.prefixed())
		f.Failure = &Failure{Code: code, Error: string(d.p)}
	default:
		return Frame{}, fmt.Errorf("frame of unknown kind %q", p[0])
	}
	if d.bad {
		return Frame{}, fmt.Errorf("frame %q is cut off", p[0])
	}
	return f, nil
}

type decoder struct {
	p   []byte
	bad bool
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.p)
	if n <= 0 {
		d.bad, d.p = true, nil
		return 0
	}
	d.p = d.p[n:]
	return v
}

func (d *decoder) prefixed() []byte {
	v, n := binary.Uvarint(d.p)
	if n <= 0 || v > uint64(len(d.p)-n) {
		d.bad, d.p = true, nil
		return nil
	}
	out := d.p[n : n+int(v)]
	d.p = d.p[n+int(v):]
	return out
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
