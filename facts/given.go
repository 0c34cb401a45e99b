package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nodeapply/apply/facts/internal/factfile"
)

// parseEnviron returns the facts that the caller gives, and warnings about those that are refused. APPLY_FACT_name wins over FACTER_name.
func parseEnviron(environ []string) (map[string]any, []string) {
	given := map[string]any{}
	var refused []string
	for _, prefix := range []string{"FACTER_", "APPLY_FACT_"} {
		for _, kv := range slices.Sorted(slices.Values(environ)) {
			key, text, _ := strings.Cut(kv, "=")
			name, ok := strings.CutPrefix(key, prefix)
			if !ok || name == "" {
				continue
			}
			name = strings.ToLower(name)
			v, err := parseGiven(prefix == "APPLY_FACT_", text)
			if err == nil {
				err = checkName(name)
			}
			if err != nil {
				refused = append(refused, fmt.Sprintf("%s: %v", key, err))
				continue
			}
			given[name] = v
		}
	}
	return given, refused
}

func parseGiven(mayBeJSON bool, text string) (any, error) {
	switch {
	case !utf8.ValidString(text):
		return nil, errors.New("not UTF-8")
	case mayBeJSON && json.Valid([]byte(text)):
		return factfile.ParseJSON([]byte(text))
	}
	return text, nil
}
