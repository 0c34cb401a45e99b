package scan

import "bytes"

// kind says what a frame of the scanner's stack is inside of.
type kind byte

const (
	kBody     kind = 0 // the whole text
	kParen    kind = '('
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
	maxDepth   int    // MaxDepth, less in a test
	directives []byte // open template directives: 'i'f and 'f'or
	work       int
	leaks      int // blocks of several lines that end without a newline
	oneLines   int // blocks on one line

	operand bool // the last token can end an expression
	newline bool // the last token was a newline
}

// Body looks at the text of a file, or of one expression.
func Body(src []byte) *Problem { return (&scanner{src: src, maxDepth: MaxDepth}).run(kBody) }

// Template looks at a bare template.
func Template(src []byte) *Problem { return (&scanner{src: src, maxDepth: MaxDepth}).run(kTemplate) }

func (s *scanner) run(root kind) (p *Problem) {
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
	open := *s.top()
	for p == nil && len(s.stack) > 1 { // what is left open at the end is charged too
		p = s.pop(len(s.src))
	}
	if p == nil && open.kind == kHeredoc { // HCL would point at the end of the file
		return Syntax(open.at, "Unterminated heredoc", "What begins here ends with a line that holds %s and nothing else, not even a bracket or a comma; there is none.", open.marker)
	}
	if p == nil && root == kTemplate {
		p = s.endTemplate(s.top(), len(s.src))
	}
	return p
}

func (s *scanner) top() *frame { return &s.stack[len(s.stack)-1] }

func (s *scanner) push(k kind, at int) *Problem {
	s.stack = append(s.stack, frame{kind: k, at: at, directives: len(s.directives)})
	s.operand = false
	if k == kQuoted || k == kHeredoc {
		return nil // counts where it holds an interpolation
	}
	return s.deeper(at)
}

func (s *scanner) deeper(at int) *Problem {
	if s.depth++; s.depth > s.maxDepth {
		return Limit(at, "Brackets, interpolations and directives may stand inside each other %d deep; this is one more.", s.maxDepth)
	}
	return nil
}

func (s *scanner) pop(at int) *Problem {
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
func (s *scanner) endTemplate(f *frame, at int) *Problem {
	s.depth -= len(s.directives) - f.directives
	s.directives = s.directives[:f.directives]
	s.work += f.pieces * (f.pieces + (at-f.at)/16)
	if s.work > maxWork {
		return Limit(f.at, "The templates of this file have too many lines and sequences (%d in this one). Long content belongs into a file of its own: see file().", f.pieces)
	}
	return nil
}

func (f *frame) addOps(n, at int) *Problem {
	f.ops += n
	if f.maxOps = max(f.maxOps, f.ops); f.ops > MaxOperators {
		return Limit(at, "An expression may have %d operators; this one has more.", MaxOperators)
	}
	return nil
}

func (f *frame) addSteps(n, at int) *Problem {
	f.steps += n
	if f.maxSteps = max(f.maxSteps, f.steps); f.steps > MaxOperators {
		return Limit(at, "%d steps (.name, [index]) may follow each other; these are more.", MaxOperators)
	}
	return nil
}
