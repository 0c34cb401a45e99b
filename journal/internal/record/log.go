package record

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/nodeapply/apply/journal/internal/lines"
)

// Log is the file to which a run's records are appended. It may be used by several goroutines.
type Log struct{ lines *lines.Log }

func newLog(f *os.File) *Log { return &Log{lines.NewLog(f)} }

// Append adds records and returns when they are on disk.
func (l *Log) Append(ctx context.Context, records ...Record) error {
	return encoded(records, func(b []byte) error { return l.lines.Append(ctx, b) })
}

// Queue adds a record that need not be on disk before the next one that is appended.
func (l *Log) Queue(r Record) error { return encoded([]Record{r}, l.lines.Queue) }

// Later adds records that are written at once and need not be on disk before something else happens.
func (l *Log) Later(records ...Record) error { return encoded(records, l.lines.Later) }

// Close writes what is queued still.
func (l *Log) Close() error { return failed(l.lines.Close()) }

// encoded hands the lines of records to add.
func encoded(records []Record, add func(lines []byte) error) error {
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
func decode(r io.Reader, each func(Record) error) (*lines.Damage, error) {
	return lines.Read(r, func(text []byte) error {
		var rec Record
		if err := json.Unmarshal(text, &rec); err != nil {
			return err
		}
		return each(rec)
	})
}
