package factfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"

	"golang.org/x/text/unicode/norm"
)

// ParseJSON returns the one value in b. Numbers without fraction or exponent are int64, or json.Number where they do not fit.
func ParseJSON(b []byte) (any, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("larger than the limit of %d bytes", MaxBytes)
	}
	d := &jsonDecoder{Decoder: json.NewDecoder(bytes.NewReader(b))}
	d.UseNumber()
	t, err := d.Token()
	if err != nil {
		return nil, unexpected(err)
	}
	v, err := d.value(t, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// jsonDecoder goes token by token: encoding/json itself lets keys come twice.
type jsonDecoder struct {
	*json.Decoder
	budget
}

func (d *jsonDecoder) value(t json.Token, depth int) (any, error) {
	if err := d.spend(depth); err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return d.object(depth)
		}
		return d.list(depth)
	case json.Number:
		return number(t.String())
	}
	return t, nil
}

func (d *jsonDecoder) object(depth int) (any, error) {
	all := map[string]any{}
	for {
		t, err := d.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		key, ok := t.(string)
		if !ok {
			return all, nil // the closing brace: nothing else is no error here
		}
		key = norm.NFC.String(key)
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("%q is there twice", key)
		}
		if t, err = d.Token(); err != nil {
			return nil, unexpected(err)
		}
		if all[key], err = d.value(t, depth+1); err != nil {
			return nil, err
		}
	}
}

func (d *jsonDecoder) list(depth int) (any, error) {
	all := []any{}
	for {
		t, err := d.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		if t == json.Delim(']') {
			return all, nil
		}
		v, err := d.value(t, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

// maxDigits bounds numbers: the language keeps as many digits.
const maxDigits = 150

// number keeps whole numbers as they are, whatever their size: what does not fit in int64 is a json.Number.
func number(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if len(s) > maxDigits {
		return nil, fmt.Errorf("a number has more than the limit of %d digits", maxDigits)
	}
	if n, ok := new(big.Int).SetString(s, 10); ok {
		return json.Number(n.String()), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, strconv.ErrRange)
	}
	return f, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
