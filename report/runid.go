package report

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
)

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewRunID makes an identifier for a run that sorts by time: 26 characters of Crockford's base 32 (a ULID).
func NewRunID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails, see crypto/rand
	ms := uint64(now.UnixMilli())
	b[0], b[1] = byte(ms>>40), byte(ms>>32)
	binary.BigEndian.PutUint32(b[2:], uint32(ms))
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = digits[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

// NextRunID is NewRunID of an identifier that sorts after last, of the newest run there was, also where the clock has been set back since.
func NextRunID(now time.Time, last string) string {
	if ms := runTime(last); ms >= now.UnixMilli() {
		now = time.UnixMilli(ms + 1)
	}
	return NewRunID(now)
}

// runTime is the time in an identifier in milliseconds since 1970, -1 where there is none that could be followed by another.
func runTime(id string) int64 {
	const chars, most = 10, 1<<48 - 1
	if len(id) != 26 {
		return -1
	}
	var ms int64
	for _, c := range id[:chars] {
		d := strings.IndexRune(digits, c)
		if d < 0 {
			return -1
		}
		ms = ms<<5 | int64(d)
	}
	if ms >= most {
		return -1
	}
	return ms
}
