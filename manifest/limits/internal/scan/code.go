package scan

// byte classes in code
const (
	cOther byte = iota
	cSpace
	cNewline
	cIdent // start of a name
	cDigit
	cQuote
	cOpen
	cClose
	cTilde
	cHash
	cSlash
	cLess
	cOperator // + - * % ! > ? & | and the rest that HCL refuses
	cDot
	cEqual
	cComma
	cColon
)

var classes = func() (t [256]byte) {
	for b := range 128 {
		switch c := byte(b); {
		case c == ' ' || c == '\t' || c == '\r':
			t[b] = cSpace
		case c >= '0' && c <= '9':
			t[b] = cDigit
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			t[b] = cIdent
		}
	}
	for bytes, class := range map[string]byte{
		"\n": cNewline, `"`: cQuote, "([{": cOpen, ")]}": cClose, "~": cTilde, "#": cHash, "/": cSlash, "<": cLess,
		"+-*%!>?&|^": cOperator, ".": cDot, "=": cEqual, ",": cComma, ":": cColon,
	} {
		for _, b := range []byte(bytes) {
			t[b] = class
		}
	}
	return t
}()

// code scans outside of templates' text until a template opens or closes.
func (s *scanner) code(i int) (int, *Problem) {
	src := s.src
	for i < len(src) {
		b := src[i]
		switch classes[b] {
		case cSpace:
			i++
			continue
		case cNewline:
			s.newline = true
			s.top().sawNewline = true
			i++
			continue
		case cHash:
			i = endOfLine(src, i)
			continue
		case cIdent:
			s.startOperand()
			i = identEnd(src, i)
		case cDigit:
			s.startOperand()
			end := numberEnd(src, i)
			if p := Number(src[i:end], i); p != nil {
				return i, p
			}
			i = end
		case cQuote:
			s.startOperand()
			return i + 1, s.push(kQuoted, i)
		case cOpen:
			if p := s.open(i); p != nil {
				return i, p
			}
			i++
		case cClose, cTilde:
			next, left, p := s.close(i)
			if left || p != nil {
				return next, p
			}
			i = next
			continue
		case cSlash:
			end, p := comment(src, i)
			if p != nil {
				return i, p
			}
			if end > i {
				i = end
				continue
			}
			if p := s.operator(i); p != nil {
				return i, p
			}
			i++
		case cLess:
			if end, marker := heredoc(src, i); marker != nil {
				s.startOperand()
				return s.openHeredoc(i, end, marker)
			}
			fallthrough
		case cOperator, cEqual, cDot:
			n, p := s.symbol(i)
			if p != nil {
				return i, p
			}
			i += n
		case cComma:
			s.top().newChain()
			fallthrough
		case cColon:
			s.operand = false
			i++
		default: // never part of an expression
			i++
		}
		s.newline = false
	}
	return i, nil
}

// startOperand notes that a name, a literal, a string or a block's body begins. Right after another operand it cannot belong to
// the same expression.
func (s *scanner) startOperand() {
	if s.operand {
		s.top().newChain()
	}
	s.operand = true
}

func (s *scanner) operator(at int) *Problem {
	s.operand = false
	s.top().steps = 0
	return s.top().addOps(1, at)
}

// symbol scans an operator, a dot or an equals sign and returns its length.
func (s *scanner) symbol(i int) (int, *Problem) {
	var next byte
	if i+1 < len(s.src) {
		next = s.src[i+1]
	}
	switch b := s.src[i]; {
	case b == '.':
		s.operand = false
		return 1, s.top().addSteps(1, i)
	case b == '=' && next != '=':
		s.operand = false
		s.top().newChain()
		if next == '>' {
			return 2, nil
		}
		return 1, nil
	case next == '=' && (b == '=' || b == '!' || b == '<' || b == '>'), next == b && (b == '&' || b == '|'):
		return 2, s.operator(i)
	default:
		return 1, s.operator(i)
	}
}

func (s *scanner) open(i int) *Problem {
	k := kind(s.src[i])
	after := s.operand
	switch {
	case k == kBracket && after: // an index
		if p := s.top().addSteps(1, i); p != nil {
			return p
		}
	case k == kBrace && after:
		s.top().newChain()
	}
	if p := s.push(k, i); p != nil {
		return p
	}
	s.top().block = k == kBrace && after
	return nil
}

// close handles a closing bracket or "~"; left says that it was the end of a sequence and a template's text goes on.
func (s *scanner) close(i int) (next int, left bool, p *Problem) {
	end := i
	if s.src[i] == '~' {
		if end++; end >= len(s.src) || s.src[end] != '}' {
			return i + 1, false, nil
		}
	}
	f := s.top()
	want := opener(s.src[end])
	if f.kind == kInterp && want == kBrace {
		return end + 1, true, s.pop(i)
	}
	if end > i || f.kind != want {
		return i, false, s.mismatch(f, i, end)
	}
	if f.block && !s.newline {
		if p := s.unclean(f, i); p != nil {
			return i, false, p
		}
	}
	return end + 1, false, s.pop(i)
}

// unclean counts the block f, whose closing brace at i does not stand first in its line.
func (s *scanner) unclean(f *frame, i int) *Problem {
	if !f.sawNewline {
		if s.oneLines++; s.oneLines > maxOneLines {
			return Limit(i, "A file may have %d blocks on one line; this is one more.", maxOneLines)
		}
		return nil
	}
	if s.leaks++; s.leaks > maxLeaks {
		return Limit(i, "More than %d blocks have no newline before their closing brace.", maxLeaks)
	}
	return nil
}

func opener(closer byte) kind {
	switch closer {
	case ')':
		return kParen
	case ']':
		return kBracket
	default:
		return kBrace
	}
}

func (s *scanner) mismatch(f *frame, i, end int) *Problem {
	closer := string(s.src[i : end+1])
	if f.kind == kBody {
		return Syntax(i, "Unexpected closing bracket", "This %q closes nothing: no bracket is open here.", closer)
	}
	open, opener := PosAt(s.src, f.at), string(f.kind)
	if f.kind == kInterp {
		opener = string(s.src[f.at : f.at+2])
	}
	return Syntax(i, "Mismatched bracket", "This %q cannot close the %q that was opened at %d:%d.", closer, opener, open.Line, open.Column)
}
