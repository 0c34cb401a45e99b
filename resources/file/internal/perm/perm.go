// Package perm is permission bits as manifests declare them.
package perm

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Mode is permission bits as they are declared: a string, octal ("0644") or symbolic ("u+x,g-w,a=rX"); "" is not managed.
type Mode string

// UnmarshalAttr accepts a string. A number is refused: 644 would be read as the decimal number that it is.
func (m *Mode) UnmarshalAttr(v any) error {
	const want = `want a string such as "0644" or "u+x,g-w"`
	switch v := v.(type) {
	case string:
		*m = Mode(v)
		return m.Check()
	case float64:
		return errors.New(want + ", not a number")
	}
	return errors.New(want)
}

// Check finds what is wrong with m's syntax.
func (m Mode) Check() error {
	if bits, err := strconv.ParseUint(string(m), 8, 32); err == nil {
		if bits > 0o7777 {
			return errors.New("an octal mode is at most 7777")
		}
		return nil
	}
	if _, ok := symbolic(string(m), host.Regular, 0); !ok {
		return errors.New(`want octal digits such as "0644", or symbols such as "u+x,g-w,a=rX"`)
	}
	return nil
}

// Of returns the bits that m gives a thing of that kind which has, or would be made with, the bits old.
func (m Mode) Of(kind host.Kind, old uint32) uint32 {
	if m == "" {
		return old
	}
	if bits, err := strconv.ParseUint(string(m), 8, 32); err == nil {
		mode := uint32(bits)
		if kind == host.Directory {
			mode |= mode & 0o444 >> 2 // whoever may read a folder may search it
		}
		return mode
	}
	mode, _ := symbolic(string(m), kind, old)
	return mode
}

// symbolic applies the clauses of chmod(1) one after the other; ok is false if one is not understood.
func symbolic(s string, kind host.Kind, mode uint32) (_ uint32, ok bool) {
	for clause := range strings.SplitSeq(s, ",") {
		ops := strings.IndexAny(clause, "+-=")
		if ops < 0 {
			return 0, false
		}
		who, ok := classes(clause[:ops])
		if !ok {
			return 0, false
		}
		for rest := clause[ops:]; rest != ""; {
			op := rest[0]
			end := 1 + len(rest[1:])
			if next := strings.IndexAny(rest[1:], "+-="); next >= 0 {
				end = 1 + next
			}
			bits, ok := permissions(rest[1:end], who, kind, mode)
			if !ok {
				return 0, false
			}
			switch op {
			case '+':
				mode |= bits
			case '-':
				mode &^= bits
			case '=':
				mode = mode&^cleared(who, kind) | bits
			}
			rest = rest[end:]
		}
	}
	return mode, true
}

// classes returns the bits that the classes of users in s can have: u, g, o, or a, which is also what none means.
func classes(s string) (who uint32, ok bool) {
	if s == "" {
		return 0o7777, true
	}
	for _, c := range s {
		switch c {
		case 'u':
			who |= 0o4700
		case 'g':
			who |= 0o2070
		case 'o':
			who |= 0o1007
		case 'a':
			who |= 0o7777
		default:
			return 0, false
		}
	}
	return who, true
}

// cleared is what "=" takes away before it gives: of a folder not the setuid and setgid bits, as with chmod(1).
func cleared(who uint32, kind host.Kind) uint32 {
	if kind == host.Directory {
		return who &^ 0o6000
	}
	return who
}

// permissions returns the bits that the letters in s name for the classes in who.
func permissions(s string, who uint32, kind host.Kind, mode uint32) (bits uint32, ok bool) {
	switch s { // a class to be copied from
	case "u":
		return mode >> 6 & 7 * 0o111 & who, true
	case "g":
		return mode >> 3 & 7 * 0o111 & who, true
	case "o":
		return mode & 7 * 0o111 & who, true
	}
	for _, c := range s {
		switch c {
		case 'r':
			bits |= 0o444
		case 'w':
			bits |= 0o222
		case 'x':
			bits |= 0o111
		case 'X':
			if kind == host.Directory || mode&0o111 != 0 {
				bits |= 0o111
			}
		case 's':
			bits |= 0o6000
		case 't':
			bits |= 0o1000
		default:
			return 0, false
		}
	}
	return bits & who, true
}

// Octal prints permission bits as four octal digits.
func Octal(mode uint32) string {
	const digits = "01234567"
	return string([]byte{digits[mode>>9&7], digits[mode>>6&7], digits[mode>>3&7], digits[mode&7]})
}

// Exactly is a mode that gives a thing of that kind just those bits: octal, unless that would give a folder that may be read and not searched more.
func Exactly(kind host.Kind, bits uint32) Mode {
	if m := Mode(Octal(bits)); m.Of(kind, 0) == bits {
		return m
	}
	return symbols(bits)
}

// symbols is a symbolic mode that gives a folder just those bits.
func symbols(mode uint32) Mode {
	letters := func(bits uint32) string {
		s := ""
		for i, letter := range "rwx" {
			if bits&(4>>i) != 0 {
				s += string(letter)
			}
		}
		return s
	}
	sign := func(bit uint32) string {
		if mode&bit != 0 {
			return "+"
		}
		return "-"
	}
	return Mode("u=" + letters(mode>>6) + ",g=" + letters(mode>>3) + ",o=" + letters(mode) +
		",u" + sign(0o4000) + "s,g" + sign(0o2000) + "s," + sign(0o1000) + "t")
}
