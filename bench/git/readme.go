package main

import (
	"fmt"
	"os"
	"strings"
)

const head = `# From git

What a manifest from git costs beside one that is there: a repository of 10,000 commits and 100 annotated tags, each commit a change of one of 100 files of
a KiB that the manifest copies. *First* is a run with an empty state folder, on a node that has the files already;
*again* is the same tag when nothing has changed; *moved* is a branch that got a commit since; *commit* is a tag's commit by its whole name, for which no server is asked.
Beside them what the git command takes to clone the repository, and to clone the tag alone. Seconds by the clock, medians of five.

    make bench-git

`

// write writes the table.
func write(name, machine string, bare float64, rows []figures) error {
	var b strings.Builder
	b.WriteString(head + machine + "\n\n")
	fmt.Fprintf(&b, "The same manifest from a folder, with nothing to do: %.3f s.\n\n", bare)
	b.WriteString("| transport | git clone | git clone --depth=1 | first | again | moved | commit | store |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range rows {
		fmt.Fprintf(&b, "| %s | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %d KiB |\n",
			f.transport, f.clone, f.shallow, f.first, f.repeated, f.moved, f.offline, (f.cache+1023)>>10)
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
