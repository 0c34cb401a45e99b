package scan

import "bytes"

// plain are the bytes that mean nothing in the text of any template.
var plain = func() (t [256]bool) {
	for b := range t {
		t[b] = b != '$' && b != '%' && b != '"' && b != '\\' && b != '\n'
	}
	return t
}()

// template scans a template's text until it ends or a sequence opens in it.
func (s *scanner) template(i int) (int, *Problem) {
	src, f := s.src, s.top()
	for i < len(src) {
		if plain[src[i]] {
			i++
			continue
		}
		switch b := src[i]; b {
		case '"':
			if f.kind == kQuoted {
				return i + 1, s.pop(i)
			}
			i++
		case '\\':
			i++
			if f.kind == kQuoted && i < len(src) && src[i] != '\n' {
				i++
			}
		case '\n':
			f.pieces++
			i++
			if f.kind == kHeredoc {
				if next := s.heredocLine(i); next != i {
					return next, s.pop(i)
				}
			}
		default: // $ or %
			switch f.pieces += 2; {
			case hasByte(src, i+1, '{'):
				return s.sequence(i)
			case hasByte(src, i+1, b) && hasByte(src, i+2, '{'):
				i += 3
			default:
				i++
			}
		}
	}
	return i, nil
}

func hasByte(src []byte, i int, b byte) bool { return i < len(src) && src[i] == b }

func (s *scanner) openHeredoc(at, end int, marker []byte) (int, *Problem) {
	if p := s.push(kHeredoc, at); p != nil {
		return end, p
	}
	s.top().marker = marker
	if next := s.heredocLine(end); next != end {
		return next, s.pop(end)
	}
	return end, nil
}

// heredocLine returns the offset behind the line that starts at i if that line ends the innermost heredoc, else i.
// The newline behind the marker is left for code.
func (s *scanner) heredocLine(i int) int {
	n := bytes.IndexByte(s.src[i:], '\n')
	if n < 0 {
		return i
	}
	if line := s.src[i : i+n]; len(line) >= len(s.top().marker) && bytes.Equal(bytes.TrimSpace(line), s.top().marker) {
		return i + n
	}
	return i
}

// sequence enters "${" or "%{" at i, and keeps account of the directives that are open.
func (s *scanner) sequence(i int) (int, *Problem) {
	start := i
	i += 2
	if hasByte(s.src, i, '~') {
		i++
	}
	if s.src[start] == '%' {
		if p := s.directive(i); p != nil {
			return i, p
		}
	}
	return i, s.push(kInterp, start)
}

// directive opens or closes what the word at i opens or closes, in the innermost template.
func (s *scanner) directive(i int) *Problem {
	i = skipBlank(s.src, i)
	switch word := string(s.src[i:identEnd(s.src, i)]); word {
	case "if", "for":
		s.directives = append(s.directives, word[0])
		return s.deeper(i)
	case "endif", "endfor":
		if last := len(s.directives) - 1; last >= s.top().directives && s.directives[last] == word[3] {
			s.directives = s.directives[:last]
			s.depth--
		}
	}
	return nil
}
