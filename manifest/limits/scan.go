package limits

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// kind says what a frame of the scanner's stack is inside of.
type kind byte

const (
	kBody     kind = 0   // the whole text
	kParen    kind = '(' //
	kBracket  kind = '['
	kBrace    kind = '{'
	kInterp   kind = '$' // "${" or "%{" in a template
	kQuoted   kind = '"'
	kHeredoc  kind = '<'
	kTemplate kind = 'T' // the whole text, a bare template
)

// A frame is a bracket or a template that is open.
//
// ops and steps estimate from above how deep the syntax tree of the expression that is being read gets below this frame
// by chains alone: 1+1+1 nests to the left, a?b:c?d:e and !!!x to the right, a[x][y] to the left. A closed frame's deepest chain is
// added to the chain that goes on after it, because f(1+1)+1 puts the one below the other. A comma, an equals sign, and an operand
// right after an operand start a new chain beside the old one.
type frame struct {
	kind            kind
	block           bool // '{' after a name or a label: a block's body, if anything
	sawNewline      bool
	at              int
	ops, maxOps     int
	steps, maxSteps int

	// of templates
	pieces     int    // literals and sequences so far
	directives int    // length of scanner.directives when it was opened
	marker     []byte // of a heredoc
}

func (f *frame) newChain() { f.ops, f.steps = 0, 0 }

// maxWork bounds what HCL's parser spends on joining the literal pieces of templates, which grows with their square: a heredoc
// of 16,000 lines takes it 5 seconds, and 256 KiB of dollar signs 82 seconds. The bound is near 2 seconds a file.
const maxWork = 500_000_000

// When HCL's parser recovers from a mistake in a block's last item, and no newline stands between that item and the closing brace, it
// skips the brace and stays inside the block: 3.4 KiB of stack, for as little as 6 bytes. A block of several lines that ends so
// is always a mistake; one on a single line only if its item is wrong.
const (
	maxLeaks    = 100
	maxOneLines = 20_000
)

// scanner walks once over a text in HCL's native syntax, as hclsyntax's own scanner would split it into tokens.
type scanner struct {
	src        []byte
	stack      []frame
	depth      int
	maxDepth   int
	directives []byte // open template directives: 'i'f and 'f'or
	work       int
	leaks      int // blocks of several lines that end without a newline
	oneLines   int // blocks on one line

	operand bool // the last token can end an expression
	newline bool // the last token was a newline
}

func scanBody(src []byte) *problem     { return scanNative(src, kBody) }
func scanTemplate(src []byte) *problem { return scanNative(src, kTemplate) }

func scanNative(src []byte, root kind) *problem {
	s := scanner{src: src, maxDepth: MaxDepth}
	return s.run(root)
}

func (s *scanner) run(root kind) (p *problem) {
	s.stack = append(make([]frame, 0, 16), frame{kind: root})
	i := 0
	if bytes.HasPrefix(s.src, utf8BOM) {
		i = len(utf8BOM)
	}
	for i < len(s.src) && p == nil {
		switch s.top().kind {
		case kQuoted, kHeredoc, kTemplate:
			i, p = s.template(i)
		default:
			i, p = s.code(i)
		}
	}
	for p == nil && len(s.stack) > 1 { // what is left open at the end is charged too
		p = s.pop(len(s.src))
	}
	if p == nil && root == kTemplate {
		p = s.endTemplate(s.top(), len(s.src))
	}
	return p
}

func (s *scanner) top() *frame { return &s.stack[len(s.stack)-1] }

func (s *scanner) push(k kind, at int) *problem {
	s.stack = append(s.stack, frame{kind: k, at: at, directives: len(s.directives)})
	s.operand = false
	if k == kQuoted || k == kHeredoc {
		return nil // counts where it holds an interpolation
	}
	return s.deeper(at)
}

func (s *scanner) deeper(at int) *problem {
	if s.depth++; s.depth > s.maxDepth {
		return limitAt(at, "Brackets, interpolations and directives may stand inside each other %d deep; this is one more.", s.maxDepth)
	}
	return nil
}

func (s *scanner) pop(at int) *problem {
	f := *s.top()
	s.stack = s.stack[:len(s.stack)-1]
	parent := s.top()
	switch f.kind {
	case kQuoted, kHeredoc:
		if p := s.endTemplate(&f, at); p != nil {
			return p
		}
	default:
		s.depth--
	}
	s.operand, s.newline = true, false
	if f.kind == kInterp {
		parent.newChain() // the parts of a template stand beside each other
	}
	if p := parent.addOps(f.maxOps, at); p != nil {
		return p
	}
	return parent.addSteps(f.maxSteps, at)
}

// endTemplate charges for the template f, which ends at a byte.
func (s *scanner) endTemplate(f *frame, at int) *problem {
	s.depth -= len(s.directives) - f.directives
	s.directives = s.directives[:f.directives]
	s.work += f.pieces * (f.pieces + (at-f.at)/16)
	if s.work > maxWork {
		return limitAt(f.at, "The templates of this file have too many lines and sequences (%d in this one). Long content belongs into a file of its own: see file().", f.pieces)
	}
	return nil
}

func (f *frame) addOps(n, at int) *problem {
	f.ops += n
	if f.maxOps = max(f.maxOps, f.ops); f.ops > MaxOperators {
		return limitAt(at, "An expression may have %d operators; this one has more.", MaxOperators)
	}
	return nil
}

func (f *frame) addSteps(n, at int) *problem {
	f.steps += n
	if f.maxSteps = max(f.maxSteps, f.steps); f.steps > MaxOperators {
		return limitAt(at, "%d steps (.name, [index]) may follow each other; these are more.", MaxOperators)
	}
	return nil
}

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
func (s *scanner) code(i int) (int, *problem) {
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
			if p := checkNumber(src[i:end], i); p != nil {
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
			if end := i + 1; end < len(src) && (src[end] == '/' || src[end] == '*') {
				if src[end] == '/' {
					i = endOfLine(src, i)
					continue
				}
				n := bytes.Index(src[i+2:], []byte("*/"))
				if n < 0 {
					return i, syntaxAt(i, "Unterminated comment", "This comment has no \"*/\" at its end.")
				}
				i += 2 + n + 2
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
			s.operand = false
			i++
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

func (s *scanner) operator(at int) *problem {
	s.operand = false
	s.top().steps = 0
	return s.top().addOps(1, at)
}

// symbol scans an operator, a dot or an equals sign and returns its length.
func (s *scanner) symbol(i int) (int, *problem) {
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

func (s *scanner) open(i int) *problem {
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
func (s *scanner) close(i int) (next int, left bool, p *problem) {
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
func (s *scanner) unclean(f *frame, i int) *problem {
	if !f.sawNewline {
		if s.oneLines++; s.oneLines > maxOneLines {
			return limitAt(i, "A file may have %d blocks on one line; this is one more.", maxOneLines)
		}
		return nil
	}
	if s.leaks++; s.leaks > maxLeaks {
		return limitAt(i, "More than %d blocks have no newline before their closing brace.", maxLeaks)
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

func (s *scanner) mismatch(f *frame, i, end int) *problem {
	closer := string(s.src[i : end+1])
	if f.kind == kBody {
		return syntaxAt(i, "Unexpected closing bracket", "This %q closes nothing: no bracket is open here.", closer)
	}
	open := posAt(s.src, f.at)
	return syntaxAt(i, "Mismatched bracket", "This %q cannot close the %q that was opened at %d:%d.", closer, string(f.kind), open.Line, open.Column)
}

// plain are the bytes that mean nothing in the text of any template.
var plain = func() (t [256]bool) {
	for b := range t {
		t[b] = b != '$' && b != '%' && b != '"' && b != '\\' && b != '\n'
	}
	return t
}()

// template scans a template's text until it ends or a sequence opens in it.
func (s *scanner) template(i int) (int, *problem) {
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

func (s *scanner) openHeredoc(at, end int, marker []byte) (int, *problem) {
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
func (s *scanner) sequence(i int) (int, *problem) {
	f := s.top()
	start := i
	i += 2
	if hasByte(s.src, i, '~') {
		i++
	}
	if s.src[start] == '%' {
		if p := s.directive(f, i); p != nil {
			return i, p
		}
	}
	return i, s.push(kInterp, start)
}

func (s *scanner) directive(f *frame, i int) *problem {
	i = skipBlank(s.src, i)
	switch word := string(s.src[i:identEnd(s.src, i)]); word {
	case "if", "for":
		s.directives = append(s.directives, word[0])
		return s.deeper(i)
	case "endif", "endfor":
		if last := len(s.directives) - 1; last >= f.directives && s.directives[last] == word[3] {
			s.directives = s.directives[:last]
			s.depth--
		}
	}
	return nil
}

// skipBlank skips spaces, newlines and comments.
func skipBlank(src []byte, i int) int {
	for i < len(src) {
		switch c := classes[src[i]]; {
		case c == cSpace || c == cNewline:
			i++
		case c == cHash || c == cSlash && hasByte(src, i+1, '/'):
			i = endOfLine(src, i)
		case c == cSlash && hasByte(src, i+1, '*'):
			n := bytes.Index(src[i+2:], []byte("*/"))
			if n < 0 {
				return len(src)
			}
			i += 2 + n + 2
		default:
			return i
		}
	}
	return i
}

// endOfLine returns the offset of the newline that ends the line of i.
func endOfLine(src []byte, i int) int {
	if n := bytes.IndexByte(src[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(src)
}

// identEnd skips the ASCII part of a name. What is not ASCII ends it: a name counted as several operands is counted high, while
// a character that HCL takes for no part of a name must not hide the operators after it.
func identEnd(src []byte, i int) int {
	for i < len(src) && (classes[src[i]] == cIdent || classes[src[i]] == cDigit || src[i] == '-') {
		i++
	}
	return i
}

func numberEnd(src []byte, i int) int {
	for i < len(src) {
		switch c := src[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && i+1 < len(src) && classes[src[i+1]] == cDigit:
		case (c == 'e' || c == 'E') && exponent(src, i+1):
			if src[i+1] < '0' {
				i++ // its sign
			}
		default:
			return i
		}
		i++
	}
	return i
}

func exponent(src []byte, i int) bool {
	if i < len(src) && (src[i] == '+' || src[i] == '-') {
		i++
	}
	return i < len(src) && classes[src[i]] == cDigit
}

// checkNumber bounds a number's text: converting a long one takes quadratic time, and printing 1e999999999 a gigabyte.
func checkNumber(num []byte, at int) *problem {
	e := bytes.LastIndexAny(num, "eE")
	if len(num) > maxNumber || e >= 0 && len(bytes.TrimLeft(num[e+1:], "+-0")) > maxExponent {
		return limitAt(at, "A number may have %d characters, and %d digits in its exponent.", maxNumber, maxExponent)
	}
	return nil
}

// heredoc returns the offset behind a heredoc's introducer, which starts at i, and its marker; none if it is no heredoc.
func heredoc(src []byte, i int) (int, []byte) {
	if !hasByte(src, i+1, '<') {
		return i, nil
	}
	from := i + 2
	if hasByte(src, from, '-') {
		from++
	}
	line := src[from:endOfLine(src, from)]
	if from+len(line) == len(src) {
		return i, nil
	}
	end := from + len(line) + 1
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 || !validIdent(line) {
		return i, nil
	}
	return end, line
}

func validIdent(name []byte) bool {
	if classes[name[0]] != cIdent && name[0] < utf8.RuneSelf {
		return false
	}
	if identEnd(name, 0) == len(name) {
		return true
	}
	return !bytes.HasPrefix(name, utf8BOM) && hclsyntax.ValidIdentifier(string(name)) // which skips a byte order mark
}
