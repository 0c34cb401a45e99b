package resources

import (
	"strconv"
	"strings"
)

// Address names one resource of a catalog. It is a value: equal addresses are the same resource.
type Address struct {
	Module   string // "module.a" or "module.a.module.b[\"k\"]"; "" for the root module
	Type     string
	Title    string
	Instance string // "[\"key\"]" or "[0]" of an instance; "" without for_each and count
}

// String is the address as manifests and reports write it: service.glusterd, file["/etc/hosts"], module.m.file.conf["a"].
func (a Address) String() string {
	var b strings.Builder
	if a.Module != "" {
		b.WriteString(a.Module)
		b.WriteByte('.')
	}
	b.WriteString(a.Type)
	if IsIdentifier(a.Title) {
		b.WriteByte('.')
		b.WriteString(a.Title)
	} else {
		b.WriteByte('[')
		b.WriteString(Quote(a.Title))
		b.WriteByte(']')
	}
	b.WriteString(a.Instance)
	return b.String()
}

// MarshalText makes addresses print as strings in JSON, as keys too.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// IsIdentifier says whether s can stand after a dot in HCL.
func IsIdentifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// Quote writes s as an HCL string literal.
func Quote(s string) string {
	q := strconv.Quote(s)
	q = strings.ReplaceAll(q, "${", "$${")
	return strings.ReplaceAll(q, "%{", "%%{")
}
