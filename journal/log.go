package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/nodeapply/apply/journal/internal/lines"
)

// log is the file of a run's records.
type log struct{ lines *lines.Log }

func newLog(f *os.File) *log { return &log{lines.NewLog(f)} }

// append adds records and returns when they are on disk.
func (l *log) append(ctx context.Context, records ...record) error {
	return encoded(records, func(b []byte) error { return l.lines.Append(ctx, b) })
}

// queue adds a record that need not be on disk before the next one that is appended.
func (l *log) queue(r record) error { return encoded([]record{r}, l.lines.Queue) }

// later adds records that are written at once and need not be on disk before something else happens.
func (l *log) later(records ...record) error { return encoded(records, l.lines.Later) }

func (l *log) close() error { return failed(l.lines.Close()) }

// encoded hands the lines of records to add.
func encoded(records []record, add func(lines []byte) error) error {
	var b []byte
	for _, r := range records {
		text, err := json.Marshal(r)
		if err == nil {
			b, err = lines.Append(b, text)
		}
		if err != nil {
			return failed(err)
		}
	}
	return failed(add(b))
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("journal: %w", err)
}

// decode reads records until the end or the first one that is damaged or that each refuses.
func decode(r io.Reader, each func(record) error) (*lines.Damage, error) {
	return lines.Read(r, func(text []byte) error {
		var rec record
		if err := json.Unmarshal(text, &rec); err != nil {
			return err
		}
		return each(rec)
	})
}
