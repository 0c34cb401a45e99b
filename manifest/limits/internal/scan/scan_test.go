package scan

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// tokenDepth is the depth that HCL's own scanner sees, an oracle for the hand-written one. ok is false
// where brackets do not match.
func tokenDepth(src []byte) (depth int, ok bool) {
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	var stack []hclsyntax.TokenType
	closes := map[hclsyntax.TokenType]hclsyntax.TokenType{
		hclsyntax.TokenCBrace: hclsyntax.TokenOBrace, hclsyntax.TokenCBrack: hclsyntax.TokenOBrack, hclsyntax.TokenCParen: hclsyntax.TokenOParen,
		hclsyntax.TokenCQuote: hclsyntax.TokenOQuote, hclsyntax.TokenCHeredoc: hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateSeqEnd: hclsyntax.TokenTemplateInterp,
	}
	now := 0
	for _, tok := range tokens {
		ty := tok.Type
		switch ty {
		case hclsyntax.TokenTemplateControl:
			ty = hclsyntax.TokenTemplateInterp
			fallthrough
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp:
			now++
			stack = append(stack, ty)
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			stack = append(stack, ty)
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			if len(stack) == 0 || stack[len(stack)-1] != closes[ty] {
				return depth, false
			}
			stack = stack[:len(stack)-1]
			if ty != hclsyntax.TokenCQuote && ty != hclsyntax.TokenCHeredoc {
				now--
			}
		}
		depth = max(depth, now)
	}
	return depth, true
}

// TestScannerAgrees holds, on random texts of the pieces that matter to it, that the scanner sees at least the depth that HCL's
// scanner sees, and no mismatch of brackets passes.
func TestScannerAgrees(t *testing.T) {
	pieces := []string{
		"a", "1", "1e5", "é", "-", "!", " ", "\n", "\r\n", "\r", "\t", "(", ")", "[", "]", "{", "}", "~}", "~", "${", "%{", "${~", "$", "%", "$$", "\"", "\"", "\\",
		"<<E\n", "<<-E\n", "E\n", " E \n", "\nE\n", "E", "<", "<<", "<<é\n", "é\n", "#", "//", "/*", "*/", "/", "*", ".", ",", "=", "=>", "?", ":", "if", "for", "endif", "\ufeff",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	rounds := 100_000
	if n, err := strconv.Atoi(os.Getenv("LIMITS_ROUNDS")); err == nil {
		rounds = n
	}
	passed := 0
	for range rounds {
		var b strings.Builder
		for range 1 + rnd.IntN(25) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		src := []byte(b.String())
		if Body(src) != nil {
			continue
		}
		passed++
		depth, ok := tokenDepth(src)
		if s := (scanner{src: src, maxDepth: depth - 1}); depth > 0 && s.run(kBody) == nil {
			t.Errorf("%q: scanned to less than the depth %d that HCL sees", src, depth)
		}
		if !ok {
			t.Errorf("%q: passed with brackets that do not match", src)
		}
	}
	if passed < rounds/20 {
		t.Errorf("only %d of %d texts passed", passed, rounds)
	}
}
