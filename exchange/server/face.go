package server

import "net/http"

func (s *server) face(mux *http.ServeMux) {}
