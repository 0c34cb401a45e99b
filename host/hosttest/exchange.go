package hosttest

import (
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// Exchange has what is at two names change places, as whoever can write their folder may do at any moment.
func (h *Host) Exchange(one, two string) {
	if err := unix.Renameat2(unix.AT_FDCWD, h.Path(one), unix.AT_FDCWD, h.Path(two), unix.RENAME_EXCHANGE); err != nil {
		h.t.Error(err)
	}
}

// Exchanging is a Host on which One and Two are exchanged each time just before One is opened.
type Exchanging struct {
	*Host
	One, Two string
}

// Open implements [host.FileReader].
func (e *Exchanging) Open(name string) (host.File, error) {
	if name == e.One {
		e.Exchange(e.One, e.Two)
	}
	return e.Host.Open(name)
}
