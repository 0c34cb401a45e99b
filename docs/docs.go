// Package docs holds the reference of the resource types and of the functions, so that the program can print it. The types' pages are made from their doc comments.
package docs

import "embed"

//go:generate go run ./gen

// Reference is the pages: reference/index.md, reference/metaparameters.md, reference/functions.md and reference/TYPE.md.
//
//go:embed reference/*.md
var Reference embed.FS
