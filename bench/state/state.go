// Package state is what the benchmarks bring a machine to: files, folders, links and guarded commands in several shapes and sizes,
// the same for every tool. Contents are made from numbers when they are asked for, so that 100,000 of them take no memory.
package state

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// The shapes. N is the number of resources, but of Folder, where one resource has N files.
const (
	Inline  = "inline"   // files with their content in the manifest
	Source  = "source"   // files copied from files
	Mixed   = "mixed"    // folders, files, links, guarded commands and edges between them
	Chain   = "chain"    // files, each after the one before
	Fan     = "fan"      // one file, then all but two side by side, then one file
	Each    = "for_each" // one block with a loop
	Folder  = "folder"   // one folder, copied with all that is in it
	Big     = "big"      // files of 256 MiB
	Nothing = "nothing"  // an empty manifest
)

// Shapes returns all shapes: Nothing first, Big last.
func Shapes() []string {
	return []string{Nothing, Inline, Source, Mixed, Chain, Fan, Each, Folder, Big}
}

// size is the length of a file's content, in bytes.
const size = 1024

// bigSize is the length of one of the big files, in bytes.
const bigSize = 256 << 20

// Kind says what an Entry is.
type Kind uint8

// The kinds of entries. A Command makes the file at its path and is not run if that is there.
const (
	File Kind = iota
	Dir
	Link
	Command
)

// Entry is one thing that is to be.
type Entry struct {
	Kind   Kind
	Index  int
	Path   string
	Source string // of a file that is copied; the content of any other is [State.Text]
	Target string // of a link
	After  int    // the index of an entry that must be done before; -1: none
}

// State is what is to be below Root.
type State struct {
	Shape   string
	N       int
	Root    string // of what is managed
	Sources string // of what is copied; not managed
}

// perDir is how many files there are in a folder.
const perDir = 100

// name is the path of file i.
func (s *State) name(i int) string {
	if s.Shape == Each {
		return fmt.Sprintf("%s/file%d", s.Root, i)
	}
	return fmt.Sprintf("%s/d%03d/f%05d", s.Root, i/perDir, i)
}

// group is how many entries of Mixed belong together: a folder and what is in it.
const group = 10

// Entries yields what is to be, in the order of declaration.
func (s *State) Entries(yield func(Entry) bool) {
	for i := range s.N {
		if !yield(s.Entry(i)) {
			return
		}
	}
}

// Entry is what is to be as number i.
func (s *State) Entry(i int) Entry {
	e := Entry{Kind: File, Index: i, Path: s.name(i), After: -1}
	switch s.Shape {
	case Source, Folder, Big:
		e.Source = s.source(i)
	case Chain:
		e.After = i - 1
	case Fan: // the last one comes after all others: see FanEnd
		if i > 0 {
			e.After = 0
		}
	case Mixed:
		return s.mixed(e)
	}
	return e
}

// FanEnd says whether e is the entry of a Fan that comes after all the others.
func (s *State) FanEnd(e Entry) bool { return s.Shape == Fan && s.N > 2 && e.Index == s.N-1 }

func (s *State) source(i int) string { return s.Sources + strings.TrimPrefix(s.name(i), s.Root) }

func (s *State) mixed(e Entry) Entry {
	first := e.Index / group * group
	dir := fmt.Sprintf("%s/g%05d", s.Root, first/group)
	e.Path = fmt.Sprintf("%s/e%d", dir, e.Index%group)
	switch e.Index % group {
	case 0:
		e.Kind, e.Path = Dir, dir
	case 6, 7:
		e.Kind, e.Target = Link, fmt.Sprintf("e%d", e.Index%group-5)
	case 8:
		e.Kind, e.After = Command, e.Index-1
	case 9:
		e.After = e.Index - 1
	}
	return e
}

// content is the content of file i in most shapes: size bytes of one line, the first of which are its number.
func content(i int) string {
	head := fmt.Sprintf("file %07d ", i)
	return head + filler[:size-len(head)]
}

var filler = strings.Repeat("the quick brown fox jumps over the lazy dog and runs on; ", size/50)

// eachContent is the content of file i of the shape Each; EachLine is the part of it that is the same in all.
func eachContent(i int) string { return EachLine + fmt.Sprint(i) }

// EachLine is what eachContent begins with.
var EachLine = filler[:size-8]

// Text is the content of an entry whose content is declared. Where edges are what is measured it is a number alone, so that 100,000 entries fit into the
// manifests that apply takes.
func (s *State) Text(e Entry) string {
	switch s.Shape {
	case Each:
		return eachContent(e.Index)
	case Mixed, Chain, Fan:
		return strconv.Itoa(e.Index)
	}
	return content(e.Index)
}

// Dirs lists the folders that must be there before anything else, and are not managed.
func (s *State) Dirs(of string) []string {
	switch s.Shape {
	case Mixed, Each, Nothing:
		return []string{of}
	}
	dirs := []string{of}
	for i := 0; i < s.N; i += perDir {
		dirs = append(dirs, filepath.Join(of, fmt.Sprintf("d%03d", i/perDir)))
	}
	return dirs
}
