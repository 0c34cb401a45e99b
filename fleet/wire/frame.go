package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// kind says what a frame is. Its first half is sent by the caller, the other by the one that was called, so that both may number their calls by themselves.
type kind uint8

const (
	open      kind = iota + 1 // a call begins: JSON of request
	input                     // standard input
	inputEnd                  // no more of it
	outCredit                 // so many bytes of output were taken, as 4 bytes
	cancel                    // the call is to end

	output   // standard output
	message  // standard error
	inCredit // so many bytes of input were taken, as 4 bytes
	end      // the call has ended: JSON of End
)

// Bounds of a frame: 9 bytes of head, then data of at most maxData bytes or JSON of at most maxJSON.
const (
	headSize = 9
	maxData  = 32<<10 - headSize // a frame is one packet of ssh
	maxJSON  = 256 << 10
)

// frame is kind (1 byte), the call's number (4), the payload's length (4), the payload.
type frame struct {
	kind    kind
	call    uint32
	payload []byte
}

func (k kind) limit() uint32 {
	switch k {
	case open, end:
		return maxJSON
	case input, output, message:
		return maxData
	case outCredit, inCredit:
		return 4
	}
	return 0
}

// appendTo appends the frame as it is sent.
func (f frame) appendTo(b []byte) []byte {
	b = append(b, byte(f.kind))
	b = binary.BigEndian.AppendUint32(b, f.call)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.payload)))
	return append(b, f.payload...)
}

// readFrame reads the next frame. Its payload is new memory, of no more bytes than its kind may have.
func readFrame(r io.Reader) (frame, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(head[0]), call: binary.BigEndian.Uint32(head[1:])}
	length := binary.BigEndian.Uint32(head[5:])
	if f.kind < open || f.kind > end {
		return frame{}, fmt.Errorf("%w: a frame of kind %d", ErrProtocol, head[0])
	}
	if length > f.kind.limit() {
		return frame{}, fmt.Errorf("%w: a frame of %d bytes is over the limit of %d", ErrProtocol, length, f.kind.limit())
	}
	f.payload = make([]byte, length)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, fmt.Errorf("in a frame: %w", err)
	}
	return f, nil
}

func credit(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
