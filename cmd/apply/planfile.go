package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/source"
)

// planFile is a saved plan. It holds the values of variables, and is made for its owner's eyes alone.
type planFile struct {
	Format   string           `json:"format"`
	Version  int              `json:"version"`
	Node     string           `json:"node"`
	Machine  string           `json:"machine"`  // /etc/machine-id
	Manifest string           `json:"manifest"` // absolute path
	Sources  string           `json:"sources"`  // hash of the root module's files
	Vars     []string         `json:"vars,omitempty"`
	VarFiles []string         `json:"var_files,omitempty"`
	FactDirs []string         `json:"facts_dirs,omitempty"`
	Tags     []string         `json:"tags,omitempty"`
	SkipTags []string         `json:"skip_tags,omitempty"`
	Targets  []string         `json:"targets,omitempty"`
	Results  []*report.Result `json:"results"`
}

const (
	planFormat  = "apply plan"
	planVersion = 1
	planSuffix  = ".plan"
	planLimit   = 256 << 20 // bytes
)

// savePlan writes a plan to a file, whole or not at all: a line of JSON, and a line with its hash.
func (a *app) savePlan(name string, from source.Source, rep *report.Report) error {
	from, err := pinnedTo(from, rep.Commit)
	if err != nil {
		return err
	}
	sources, err := sourcesHash(from)
	if err != nil {
		return err
	}
	f := &a.flags
	varFiles, err := absolute(f.varFiles)
	if err != nil {
		return err
	}
	factDirs, err := absolute(f.factsDir)
	if err != nil {
		return err
	}
	body, err := json.Marshal(planFile{
		Format: planFormat, Version: planVersion, Node: rep.Node, Machine: machineID(), Manifest: from.String(), Sources: sources,
		Vars: f.vars, VarFiles: varFiles, FactDirs: factDirs, Tags: f.tags, SkipTags: f.skipTags, Targets: f.targets, Results: rep.Results,
	})
	if err != nil {
		return err
	}
	return replaceFile(name, fmt.Appendf(append(body, '\n'), "sha256:%s\n", hash(body)), 0o600)
}

// pinnedTo names a manifest so that it is the same from every folder and at every time: by its absolute path, or by its commit.
func pinnedTo(src source.Source, commit string) (source.Source, error) {
	if src.Git() {
		return source.New(src.URL, commit, src.Folder)
	}
	abs, err := filepath.Abs(src.Path)
	return source.Source{Path: abs}, err
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func absolute(names []string) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		var err error
		if out[i], err = filepath.Abs(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// machineID is the node's identity, "" where it has none.
func machineID() string {
	b, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// sourcesHash is the hash of the manifests at a path; a commit is one by itself.
func sourcesHash(src source.Source) (string, error) {
	if src.Git() {
		return src.Ref, nil
	}
	files, err := manifestsAt(src.Path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %d\n", filepath.Base(name), len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readPlan reads a saved plan and checks that it is of this node and of the manifest as it is now.
func readPlan(name string) (*planFile, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, wrong("is no file"))
	}
	b, err := io.ReadAll(io.LimitReader(f, planLimit+1))
	if err != nil {
		return nil, err
	}
	p, err := decodePlan(b)
	if err != nil {
		return nil, wrong("%v", err)
	}
	node, _ := os.Hostname()
	if id := machineID(); p.Machine != id || p.Node != node {
		return nil, wrong("was made on node %s (machine %s), and this is node %s (machine %s); plan here again", p.Node, p.Machine, node, id)
	}
	src, err := source.Parse(p.Manifest)
	if err != nil {
		return nil, wrong("%v", err)
	}
	sources, err := sourcesHash(src)
	if err != nil {
		return nil, wrong("its manifest: %v", err)
	}
	if sources != p.Sources {
		return nil, wrong("its manifest %s has changed since; plan again", p.Manifest)
	}
	return p, nil
}

// decodePlan reads the bytes of a plan file.
func decodePlan(b []byte) (*planFile, error) {
	body, rest, ok := bytes.Cut(b, []byte("\n"))
	sum, found := strings.CutPrefix(strings.TrimSpace(string(rest)), "sha256:")
	switch {
	case len(b) > planLimit:
		return nil, fmt.Errorf("is larger than the limit of %d bytes", planLimit)
	case !ok || !found:
		return nil, errors.New("is no saved plan, or a part of one is missing; plan again with --out")
	}
	var head struct {
		Format  string
		Version int
	}
	if err := json.Unmarshal(body, &head); err != nil || head.Format != planFormat {
		return nil, errors.New("is no saved plan")
	}
	if head.Version > planVersion {
		return nil, fmt.Errorf("was saved by a newer version of apply (format %d; this one knows %d)", head.Version, planVersion)
	}
	if sum != hash(body) {
		return nil, errors.New("is damaged: its checksum is wrong; plan again with --out")
	}
	var p planFile
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// applyPlan converges to just what a saved plan says.
func (a *app) applyPlan(cmd *cobra.Command, name string) error {
	p, err := readPlan(name)
	if err != nil {
		return err
	}
	f := &a.flags
	f.vars, f.varFiles, f.factsDir, f.tags, f.skipTags, f.targets = p.Vars, p.VarFiles, p.FactDirs, p.Tags, p.SkipTags, p.Targets
	src, err := source.Parse(p.Manifest)
	if err != nil {
		return err
	}
	return a.convergeTo(cmd, src, approver(p))
}

// approver refuses what the node would now need that the plan does not have.
func approver(p *planFile) func(*report.Result) error {
	planned := make(map[string]*report.Result, len(p.Results))
	for _, r := range p.Results {
		planned[r.Address.String()] = r
	}
	return func(now *report.Result) error {
		then := planned[now.Address.String()]
		switch {
		case now.Outcome != report.Pending:
			return nil
		case then == nil:
			return errors.New("refused: the saved plan does not have it")
		case then.Outcome != report.Pending:
			return fmt.Errorf("refused: it has drifted since the plan was saved, which has it as %s", then.Outcome)
		case now.Certainty == report.KnownLate || strings.HasPrefix(now.Certainty, report.CertaintyAfter):
			return nil // what it will be only the run shows
		case !slices.Equal(now.Changes, then.Changes) || now.Refreshed != then.Refreshed:
			return errors.New("refused: it has drifted since the plan was saved: other changes would be made now")
		}
		return nil
	}
}
