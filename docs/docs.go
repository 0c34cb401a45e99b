// Package docs holds the reference of the resource types, so that the program can print it. The pages are made from the types' doc comments.
package docs

import "embed"

//go:generate go run ./gen

// Reference is the pages: reference/index.md, reference/metaparameters.md and reference/TYPE.md.
//
//go:embed reference/*.md
var Reference embed.FS
