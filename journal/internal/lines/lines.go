// Package lines is an append-only file of lines with checksums: eight hexadecimal digits of a CRC-32C, a space, the text, a line end. A write that a
// crash cut short is told from damage.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// Max bounds one line, in bytes.
const Max = 16 << 20

const frame = len("01234567 \n")

func sum(text []byte) uint32 { return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) }

// Append adds text as a line to b.
func Append(b, text []byte) ([]byte, error) {
	if len(text) > Max-frame {
		return b, fmt.Errorf("a record of %d bytes is over the limit", len(text))
	}
	b = fmt.Appendf(b, "%08x ", sum(text))
	b = append(b, text...)
	return append(b, '\n'), nil
}

// Damage says what is wrong with a file.
type Damage struct {
	Offset int64 // how far it is whole, in bytes
	Torn   bool  // only the end is missing: a crash in the middle of a write
	Err    error
}

// Read calls each with the text of each line, which is valid until each returns, until the end or the first one that is damaged or that each refuses.
// Damage with more lines behind it is not a torn tail.
func Read(r io.Reader, each func(text []byte) error) (*Damage, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var offset int64
	for n := 1; ; n++ {
		line, err := next(br)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil, nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrTooLong) {
			return nil, err
		}
		text, bad := check(line)
		if bad != nil {
			rest, _ := br.Peek(1)
			return &Damage{Offset: offset, Torn: len(rest) == 0, Err: fmt.Errorf("record %d: %w", n, bad)}, nil
		}
		if err := each(text); err != nil {
			return &Damage{Offset: offset, Err: fmt.Errorf("record %d: %w", n, err)}, nil
		}
		offset += int64(len(line))
	}
}

// next reads to the next line end, at most Max bytes. The line may lie in br's buffer.
func next(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(line) > Max {
			return line, bufio.ErrTooLong
		}
		var more []byte
		more, err = br.ReadSlice('\n')
		line = append(line, more...)
	}
	return line, err
}

// check returns the text of a line whose checksum is right.
func check(line []byte) ([]byte, error) {
	if len(line) < frame || line[len(line)-1] != '\n' || line[8] != ' ' {
		return nil, errors.New("incomplete")
	}
	want, err := strconv.ParseUint(string(line[:8]), 16, 32)
	text := line[9 : len(line)-1]
	if err != nil || uint32(want) != sum(text) {
		return nil, errors.New("the checksum is wrong")
	}
	return text, nil
}
