package files

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// pieceSize is how much of a manifest is parsed at once, in bytes. The parser first makes a list of all tokens, a hundred bytes each, that grows by being
// copied: of a megabyte at once that takes a third more of the processor than of as much in pieces, most of it for memory that is touched only once.
const pieceSize = 16 << 10

// parse is [hclsyntax.ParseConfig] for a whole manifest. Where it is written as usual, and has no mistakes, it is parsed in pieces of at least size bytes.
func parse(src []byte, name string, size int) (*hcl.File, hcl.Diagnostics) {
	if file := inPieces(src, name, size); file != nil {
		return file, nil
	}
	return hclsyntax.ParseConfig(src, name, hcl.InitialPos)
}

// inPieces returns nil where the manifest has to be parsed as a whole. A piece ends where a line is a brace alone. If that is no end of a block (it is in a
// text, a comment, a block that is not indented), what was begun in the piece is not ended there, which is a mistake in it.
func inPieces(src []byte, name string, size int) *hcl.File {
	var whole *hcl.File
	var all *hclsyntax.Body
	pos := hcl.InitialPos
	for rest := src; len(rest) > 0; {
		piece := rest
		if len(rest) > size {
			if end := bytes.Index(rest[size:], []byte(endOfBlock)); end >= 0 {
				piece = rest[:size+end+len(endOfBlock)]
			}
		}
		if whole == nil && len(piece) == len(src) || whole != nil && bytes.HasPrefix(piece, []byte(byteOrderMark)) {
			return nil
		}
		file, diags := hclsyntax.ParseConfig(piece, name, pos)
		body, ok := file.Body.(*hclsyntax.Body)
		if len(diags) > 0 || !ok || len(body.Attributes) > 0 {
			return nil
		}
		if whole == nil {
			whole, all = file, body
			whole.Bytes = src
		} else {
			all.Blocks = append(all.Blocks, body.Blocks...)
			all.SrcRange, all.EndRange = hcl.RangeBetween(all.SrcRange, body.SrcRange), body.EndRange
		}
		pos.Byte += len(piece)
		pos.Line += bytes.Count(piece, []byte{'\n'})
		rest = rest[len(piece):]
	}
	return whole
}

const (
	endOfBlock    = "\n}\n"
	byteOrderMark = "\xef\xbb\xbf" // passed over by the parser, where the text begins
)
