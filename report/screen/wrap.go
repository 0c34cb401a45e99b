package screen

import "strings"

// Wrap breaks the lines of a text that are longer than columns between words: those of paragraphs, which it fills anew, of lists, and of flags and commands in
// two columns, of which the second keeps its place. What is indented otherwise, a table or code stays as it is, to be copied.
func Wrap(text string, columns int) string {
	var b strings.Builder
	paragraph, code := "", false
	end := func() {
		if paragraph != "" {
			fill(&b, "", paragraph, 0, columns)
			paragraph = ""
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		fence := strings.HasPrefix(line, "```")
		code = code != fence
		head := headOf(line)
		switch plain := line == "" || code || fence || strings.ContainsAny(line[:1], " |#"); {
		case head > 0 && !code:
			end()
			hang := head
			if hang > columns/2 {
				hang = 8
			}
			fill(&b, line[:head], line[head:], hang, columns)
		case plain:
			end()
			b.WriteString(line + "\n")
		default:
			paragraph = strings.TrimPrefix(paragraph+" "+line, " ")
		}
	}
	end()
	return b.String()
}

// headOf is how long what stands before the text of a line is: the mark of a list's item, or the first of two columns; 0 where there is nothing.
func headOf(line string) int {
	if strings.HasPrefix(line, "- ") {
		return 2
	}
	indent := len(line) - len(strings.TrimLeft(line, " "))
	gap := strings.Index(line[indent:], "  ")
	if indent == 0 || gap < 0 {
		return 0
	}
	return len(line) - len(strings.TrimLeft(line[indent+gap:], " "))
}

// fill writes a text after a head in lines of so many columns, the later ones that far indented.
func fill(b *strings.Builder, head, text string, hang, columns int) {
	b.WriteString(head)
	at := Columns(head)
	for i, word := range strings.Fields(text) {
		switch n := Columns(word); {
		case i == 0:
			at += n
		case at+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", hang))
			at = hang + n
		default:
			b.WriteByte(' ')
			at += 1 + n
		}
		b.WriteString(word)
	}
	b.WriteByte('\n')
}
