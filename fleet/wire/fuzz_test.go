package wire_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"testing"

	"github.com/nodeapply/apply/fleet/wire"
)

// rawFrame is a frame as it is sent.
func rawFrame(kind byte, call uint32, payload string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, call)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...)
}

// FuzzServe: whatever another node sends, a peer answers or ends, and all that it began has ended with it.
func FuzzServe(f *testing.F) {
	f.Add(rawFrame(1, 1, `{"do":"cat"}`))
	f.Add(bytes.Join([][]byte{
		rawFrame(1, 1, `{"do":"cat"}`), rawFrame(4, 1, "\x00\x00\x10\x00"), rawFrame(2, 1, "text"), rawFrame(3, 1, ""), rawFrame(5, 1, ""), rawFrame(5, 1, ""),
		rawFrame(1, 2, `{"do":"say","args":"word"}`), rawFrame(1, 3, `{"do":"none"}`), rawFrame(9, 2, `{}`), rawFrame(6, 7, "out"),
	}, nil))
	f.Add(append(rawFrame(1, 1, `{"do":"cat"}`), 2, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(_ *testing.T, stream []byte) {
		p := wire.New(bytes.NewReader(stream), io.Discard, map[string]wire.Handler{"cat": handlers["cat"], "say": handlers["say"], "wait": handlers["wait"]})
		_ = p.Serve(context.Background())
	})
}
