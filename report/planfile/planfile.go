// Package planfile is the form of a saved plan: a line of JSON and a line with its hash, and what of a later run it allows.
//
// A plan is read as what it is, bytes from outside: whoever applies it checks that it is of this node and of the manifest as it is now.
package planfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Plan is a saved plan. It holds the values of variables, and is made for its owner's eyes alone.
type Plan struct {
	Format   string           `json:"format"`  // filled in by Encode
	Version  int              `json:"version"` // likewise
	Node     string           `json:"node"`
	Machine  string           `json:"machine"`       // /etc/machine-id
	Manifest string           `json:"manifest"`      // absolute path, or git::URL?ref=COMMIT
	Ref      string           `json:"ref,omitempty"` // of the revision as it was asked for, "" for a path
	Sources  string           `json:"sources"`       // hash of the root module's files
	Vars     []string         `json:"vars,omitempty"`
	Environ  []string         `json:"environ"` // of values of variables and facts: APPLY_VAR_n=value, APPLY_FACT_n=value, FACTER_n=value
	VarFiles []string         `json:"var_files,omitempty"`
	FactDirs []string         `json:"facts_dirs,omitempty"`
	Tags     []string         `json:"tags,omitempty"`
	SkipTags []string         `json:"skip_tags,omitempty"`
	Targets  []string         `json:"targets,omitempty"`
	Results  []*report.Result `json:"results"`
	// Secrets are of the changes with sensitive values; nil in plans of versions that did not know them. Filled in by Encode.
	Secrets *secrets `json:"secrets,omitempty"`
}

const (
	format  = "apply plan"
	version = 1
)

// MaxSize is what a plan may hold, in bytes.
const MaxSize = 256 << 20

// Encode writes p as the content of a file.
func Encode(p Plan) ([]byte, error) {
	p.Format, p.Version, p.Secrets = format, version, secretsOf(p.Results)
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(append(body, '\n'), "sha256:%s\n", hash(body)), nil
}

// same says whether the node would be changed as a plan says.
func (p *Plan) same(now, then *report.Result) bool {
	seen := slices.Clone(now.Changes)
	for i := range seen {
		seen[i].Hidden = ""
	}
	return slices.Equal(seen, then.Changes) && now.Refreshed == then.Refreshed &&
		(p.Secrets == nil || p.Secrets.same(then.Address.String(), now))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Decode reads the content of a plan file.
func Decode(b []byte) (*Plan, error) {
	body, rest, ok := bytes.Cut(b, []byte("\n"))
	sum, found := strings.CutPrefix(strings.TrimSpace(string(rest)), "sha256:")
	switch {
	case len(b) > MaxSize:
		return nil, fmt.Errorf("is larger than the limit of %d bytes", MaxSize)
	case !ok || !found:
		return nil, errors.New("is no saved plan, or a part of one is missing; plan again with --out")
	}
	var head struct {
		Format  string
		Version int
	}
	if err := json.Unmarshal(body, &head); err != nil || head.Format != format {
		return nil, errors.New("is no saved plan")
	}
	if head.Version > version {
		return nil, fmt.Errorf("was saved by a newer version of apply (format %d; this one knows %d)", head.Version, version)
	}
	if sum != hash(body) {
		return nil, errors.New("is damaged: its checksum is wrong; plan again with --out")
	}
	var p Plan
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(p.Results, func(r *report.Result) bool { return r == nil || r.Address == resources.Address{} }) {
		return nil, errors.New("is damaged: a result has no address; plan again with --out")
	}
	return &p, nil
}

// Approver refuses what the node would now need that the plan does not have.
func (p *Plan) Approver() func(*report.Result) error {
	planned := make(map[string]*report.Result, len(p.Results))
	for _, r := range p.Results {
		planned[r.Address.String()] = r
	}
	return func(now *report.Result) error {
		then := planned[now.Address.String()]
		if then == nil { // an instance that the plan could not name may be of a block that it has
			block := now.Address
			block.Instance = ""
			if b := planned[block.String()]; b != nil && b.Certainty == report.KnownLate {
				then = b
			}
		}
		switch {
		case now.Outcome != report.Pending:
			return nil
		case then == nil:
			return errors.New("refused: the saved plan does not have it")
		case then.Outcome != report.Pending:
			return fmt.Errorf("refused: it has drifted since the plan was saved, which has it as %s", then.Outcome)
		case now.Certainty == report.KnownLate || strings.HasPrefix(then.Certainty, report.CertaintyAfter) && now.Certainty != then.Certainty:
			return nil // only the run shows what it will be, or what it was to come after has been done
		case !p.same(now, then):
			return errors.New("refused: it has drifted since the plan was saved: other changes would be made now")
		}
		return nil
	}
}
