package command

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// bounded keeps the first and the last half of what is written to it.
type bounded struct {
	limit      int
	head, tail []byte
	at         int // where in a full tail the next byte goes
	lost       bool
}

func (b *bounded) write(p []byte) {
	if room := b.limit/2 - len(b.head); room > 0 {
		n := min(room, len(p))
		b.head = append(b.head, p[:n]...)
		p = p[n:]
	}
	size := b.limit - b.limit/2
	if len(p) > size {
		b.lost = true
		p = p[len(p)-size:]
	}
	if room := size - len(b.tail); room > 0 {
		n := min(room, len(p))
		b.tail = append(b.tail, p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		b.lost = true
		n := copy(b.tail[b.at:], p)
		p = p[n:]
		b.at = (b.at + n) % size
	}
}

func (b *bounded) bytes() []byte {
	all := make([]byte, 0, len(b.head)+len(b.tail))
	all = append(all, b.head...)
	all = append(all, b.tail[b.at:]...)
	return append(all, b.tail[:b.at]...)
}

// drain is one of the two outputs being read.
type drain struct {
	r    *os.File
	keep bounded
	tell func(p []byte)
	wg   *sync.WaitGroup
}

// linger is how long the outputs are read on after the command itself has ended, for children that still write to them.
const linger = 200 * time.Millisecond

func (d *drain) run() {
	defer d.wg.Done()
	buf := make([]byte, 32<<10)
	for {
		n, err := d.r.Read(buf)
		d.take(buf[:n])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			d.rest(buf)
			return
		case err != nil: // io.EOF: nobody holds the other end
			return
		}
	}
}

// rest reads what is in the pipe already, as far as a pipe can hold it, without waiting for more.
func (d *drain) rest(buf []byte) {
	const most = 1 << 20
	raw, err := d.r.SyscallConn()
	if err != nil {
		return
	}
	_ = d.r.SetReadDeadline(time.Time{})
	for total := 0; total < most; {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = syscall.Read(int(fd), buf)
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		total += n
		d.take(buf[:n])
	}
}

func (d *drain) take(p []byte) {
	if len(p) == 0 {
		return
	}
	d.keep.write(p)
	if d.tell != nil {
		d.tell(p)
	}
}
