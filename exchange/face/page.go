package face

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"net/http"
	"strings"
)

// page is one file, with style and script, that loads nothing from anywhere.
//
//go:embed page.html
var page string

func isPage(r *http.Request) bool {
	return r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// getPage gives the page. It holds no data: it asks for the token, and fetches /v1/events with it. Without a token in the
// request the status is 401, as for all else.
func (s *Face) getPage(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"style-src "+hashOf("style")+"; script-src "+hashOf("script"))
	if s.hasToken(r) != nil {
		w.WriteHeader(http.StatusUnauthorized)
	}
	w.Write([]byte(page))
}

// hashOf is the source of the one element of a kind in the page, as a content security policy names it.
func hashOf(element string) string {
	_, rest, _ := strings.Cut(page, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
