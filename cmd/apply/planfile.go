package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/planfile"
	"github.com/nodeapply/apply/source"
)

const planSuffix = ".plan"

// savePlan writes a plan to a file, whole or not at all.
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
	text, err := planfile.Encode(planfile.Plan{
		Node: rep.Node, Machine: machineID(), Manifest: from.String(), Sources: sources,
		Vars: f.vars, VarFiles: varFiles, FactDirs: factDirs, Tags: f.tags, SkipTags: f.skipTags, Targets: f.targets, Results: rep.Results,
	})
	if err != nil {
		return err
	}
	return replaceFile(name, text, 0o600)
}

// pinnedTo names a manifest so that it is the same from every folder and at every time: by its absolute path, or by its commit.
func pinnedTo(src source.Source, commit string) (source.Source, error) {
	if src.Git() {
		return source.New(src.URL, commit, src.Folder)
	}
	abs, err := filepath.Abs(src.Path)
	return source.Source{Path: abs}, err
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
		b, err := limits.ReadFile(limits.Host{}, name, limits.MaxFile)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %d\n", filepath.Base(name), len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readPlan reads a saved plan and checks that it is of this node and of the manifest as it is now.
func readPlan(name string) (*planfile.Plan, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	b, err := limits.ReadFile(limits.Host{}, name, planfile.MaxSize)
	if err != nil {
		return nil, err
	}
	p, err := planfile.Decode(b)
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
	return a.convergeTo(cmd, src, p.Approver())
}
