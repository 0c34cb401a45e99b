package puppet

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
)

// pair is a manifest that both programs apply from the same start.
type pair struct {
	name   string
	start  string // a shell script that runs in /w
	puppet string
	hcl    string // where it is not what carry makes of puppet
	// differs is what is deliberately not the same: what, as in verdict.Found, to "PUPPET'S, OURS" in full or its beginning before "...". why says the reason.
	differs map[string]string
	why     string
}

// sampled is how many of all cases an ordinary run takes: one of so many.
const sampled = 20

func TestOracle(t *testing.T) {
	needs(t)
	pairs := chosen(t)
	for i, p := range pairs {
		if p.hcl == "" {
			hcl, err := carry(p.puppet)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			pairs[i].hcl = hcl
		}
	}
	theirs, ours := observe(t, pairs)
	for i, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			found := difference(p.differs, theirs[i], ours[i])
			if diff := cmp.Diff(p.differs, found); diff != "" {
				t.Errorf("what differs (-expected +found: what, Puppet's, ours):\n%s", diff)
				for _, what := range slices.Sorted(maps.Keys(found)) {
					t.Errorf("%s: %s", what, found[what])
				}
				t.Errorf("start: %s\n\n%s\n%s\n%s\n%s", p.start, p.puppet, theirs[i].Log, p.hcl, ours[i].Log)
			}
			if (p.differs == nil) != (p.why == "") {
				t.Error("what differs wants a reason, and a reason what differs")
			}
		})
	}
}

// chosen returns the cases whose names match $APPLY_ORACLE, "whole" for all; without it a sample.
func chosen(t *testing.T) []pair {
	t.Helper()
	all := slices.Concat(execs, files, entries, accounts)
	only := os.Getenv("APPLY_ORACLE")
	match, err := regexp.Compile(strings.ReplaceAll(only, "whole", ""))
	if err != nil {
		t.Fatalf("APPLY_ORACLE: %v", err)
	}
	var pairs []pair
	for _, p := range all {
		h := fnv.New32a()
		h.Write([]byte(p.name))
		if only != "" && match.MatchString(p.name) || only == "" && h.Sum32()%sampled == 0 {
			pairs = append(pairs, p)
		}
	}
	if len(pairs) == 0 {
		t.Fatalf("APPLY_ORACLE: no case is called like %q", only)
	}
	t.Logf("%d of %d cases", len(pairs), len(all))
	return pairs
}

// needs skips where Puppet, its modules or root are missing.
func needs(t *testing.T) {
	t.Helper()
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	for _, program := range []string{"ruby", "puppet", "crontab", "useradd", "chroot"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	for _, module := range []string{"cron_core", "host_core", "mount_core", "sshkeys_core"} {
		if _, err := os.Stat("/usr/share/puppet/modules/" + module); err != nil {
			missing = append(missing, "Puppet's module "+module)
		}
	}
	if len(missing) == 0 {
		return
	}
	why := fmt.Sprintf("nothing is held against Puppet: needs %s (make oracle installs them, as root on Debian)", strings.Join(missing, ", "))
	if os.Getenv("APPLY_ORACLE") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// observe lets both programs apply all pairs, side by side, each on a stage of its own.
func observe(t *testing.T, pairs []pair) (theirs, ours []verdict) {
	t.Helper()
	binary := lab.Binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	theirs, ours = make([]verdict, len(pairs)), make([]verdict, len(pairs))
	end := make(chan error)
	go func() {
		end <- onStage(ctx, t.TempDir(), binary, func(s stage) error {
			p, err := startPuppet(ctx)
			if err != nil {
				return err
			}
			return errors.Join(s.playAll(ctx, pairs, theirs, func(p pair) string { return p.puppet }, p.apply), p.stop())
		})
	}()
	err := onStage(ctx, t.TempDir(), binary, func(s stage) error {
		return s.playAll(ctx, pairs, ours, func(p pair) string { return p.hcl }, applyHCL)
	})
	if err := errors.Join(err, <-end); err != nil {
		t.Fatal(err)
	}
	return theirs, ours
}

// playAll applies the manifest of every pair to a root of its own.
func (s stage) playAll(ctx context.Context, pairs []pair, verdicts []verdict, manifest func(pair) string,
	apply func(ctx context.Context, root, manifest string) (verdict, error)) error {
	for i, p := range pairs {
		err := s.play(ctx, p.start, func(root string) error {
			v, err := apply(ctx, root, manifest(p))
			if err != nil {
				return err
			}
			after, err := state(root)
			maps.Copy(v.Found, after)
			verdicts[i] = v
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// difference returns what two verdicts do not agree on. Where an expected one begins as what is found, and ends in "...", it is that.
func difference(expected map[string]string, theirs, ours verdict) map[string]string {
	var found map[string]string
	fold(theirs.Found, ours.Found)
	for _, what := range slices.Sorted(maps.Keys(merged(theirs.Found, ours.Found))) {
		p, o := theirs.Found[what], ours.Found[what]
		if p == o {
			continue
		}
		if found == nil {
			found = map[string]string{}
		}
		found[what] = fmt.Sprintf("%s, %s", orNothing(p), orNothing(o))
		if head, cut := strings.CutSuffix(expected[what], "..."); cut && strings.HasPrefix(found[what], head) {
			found[what] = expected[what]
		}
	}
	return found
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// fold counts what Puppet did with a file inside a folder, which is a resource of its own there but not declared, as done with the folder.
func fold(theirs, ours map[string]string) {
	worse := []string{"unchanged", "skipped", "refreshed", "changed", "pending", "failed"}
	for _, address := range slices.Sorted(maps.Keys(theirs)) {
		title, isFile := strings.CutPrefix(address, "file[")
		if _, declared := ours[address]; !isFile || declared || ours["manifest"] != "" {
			continue
		}
		for dir := filepath.Dir(title); ; dir = filepath.Dir(dir) {
			folder := "file[" + dir + "]"
			if was, ok := theirs[folder]; ok && ours[folder] != "" {
				if slices.Index(worse, theirs[address]) > slices.Index(worse, was) {
					theirs[folder] = theirs[address]
				}
				delete(theirs, address)
				break
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
}
