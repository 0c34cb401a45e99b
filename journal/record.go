package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"time"

	"github.com/nodeapply/apply/resources"
)

// record is one line of a run's journal. Exactly one part is set.
type record struct {
	Run     *runRecord     `json:"run,omitempty"`
	Begin   *beginRecord   `json:"begin,omitempty"`
	Op      *opRecord      `json:"op,omitempty"`
	Ended   *endedRecord   `json:"ended,omitempty"`
	Settled *settledRecord `json:"settled,omitempty"`
	Closed  *closedRecord  `json:"closed,omitempty"`
}

// runRecord is the first line: whose journal it is, and what earlier runs still owe, so that only the newest journal has to be read.
type runRecord struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Token   string    `json:"token"` // in the names of the run's temporary files
	Undoes  string    `json:"undoes,omitempty"`
	Owed    []debt    `json:"owed,omitempty"`
}

// debt is one refresh that is owed.
type debt struct {
	Target address   `json:"target"`
	Source address   `json:"source"`
	Since  time.Time `json:"since"`
}

// beginRecord announces that a resource is about to be changed.
type beginRecord struct {
	Addr   address         `json:"addr"`
	Owes   []address       `json:"owes,omitempty"`
	Before json.RawMessage `json:"before,omitempty"` // for the type's Restore
	// Irreversible says that the type itself calls the change so.
	Irreversible bool `json:"irreversible,omitempty"`
}

// opRecord announces one change of the node.
type opRecord struct {
	Addr address `json:"addr"`
	Kind string  `json:"kind"`
	Name []byte  `json:"name"` // bytes: file names need not be UTF-8
	Pre  *image  `json:"pre,omitempty"`
}

// endedRecord says how the files that a resource changed were left, so that an undo sees what has changed since.
type endedRecord struct {
	Addr  address `json:"addr"`
	Files []trace `json:"files,omitempty"`
}

type settledRecord struct {
	Target address `json:"target"`
}

// closedRecord is the last line of a run that came to its end: all that it began it has ended, and this is still owed.
type closedRecord struct {
	Owed []debt `json:"owed,omitempty"`
}

// address is a resources.Address that is read back as it was written.
type address struct {
	Module   string `json:"m,omitempty"`
	Type     string `json:"t"`
	Title    []byte `json:"n"` // bytes: titles need not be UTF-8
	Instance string `json:"i,omitempty"`
}

func toAddress(a resources.Address) address {
	return address{a.Module, a.Type, []byte(a.Title), a.Instance}
}

func (a address) address() resources.Address {
	return resources.Address{Module: a.Module, Type: a.Type, Title: string(a.Title), Instance: a.Instance}
}

// version is that of the format. A journal of a newer one is set aside like a broken one.
const version = 1

// maxRecord bounds one line, in bytes.
const maxRecord = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode writes a record as a line: eight hexadecimal digits of its CRC-32C, a space, JSON.
func encode(r record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if len(b) > maxRecord-16 {
		return nil, fmt.Errorf("journal: a record of %d bytes is over the limit", len(b))
	}
	line := make([]byte, 0, len(b)+10)
	line = fmt.Appendf(line, "%08x ", crc32.Checksum(b, castagnoli))
	line = append(line, b...)
	return append(line, '\n'), nil
}

func encodeAll(records []record) ([]byte, error) {
	var lines []byte
	for _, r := range records {
		line, err := encode(r)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
	}
	return lines, nil
}

// Damage says what is wrong with a journal.
type damage struct {
	offset int64 // how far it is whole
	torn   bool  // only the end is missing: a crash in the middle of a write
	err    error
}

// decode reads records until the end or the first one that is damaged. Damage with more whole records behind it is not a torn tail.
func decode(r io.Reader, each func(record) error) (*damage, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var offset int64
	for n := 1; ; n++ {
		line, err := readLine(br)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil, nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrTooLong) {
			return nil, err
		}
		rec, bad := decodeLine(line)
		if bad != nil {
			rest, _ := br.Peek(1)
			return &damage{offset: offset, torn: len(rest) == 0, err: fmt.Errorf("record %d: %w", n, bad)}, nil
		}
		if err := each(rec); err != nil {
			return &damage{offset: offset, err: fmt.Errorf("record %d: %w", n, err)}, nil
		}
		offset += int64(len(line))
	}
}

// readLine reads to the next line end, at most maxRecord bytes.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxRecord {
			return line, bufio.ErrTooLong
		}
	}
}

// checkLine returns the JSON of a line whose checksum is right.
func checkLine(line []byte) ([]byte, error) {
	if len(line) < 11 || line[len(line)-1] != '\n' || line[8] != ' ' {
		return nil, errors.New("incomplete")
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	body := line[9 : len(line)-1]
	if err != nil || uint32(sum) != crc32.Checksum(body, castagnoli) {
		return nil, errors.New("the checksum is wrong")
	}
	return body, nil
}

func decodeLine(line []byte) (record, error) {
	body, err := checkLine(line)
	if err != nil {
		return record{}, err
	}
	var r record
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&r); err != nil {
		return record{}, err
	}
	return r, nil
}
