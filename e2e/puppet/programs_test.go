package puppet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// verdict is what a program made of a case.
type verdict struct {
	// Found: addresses such as exec[a] with the outcome, paths with what is there; "manifest" with "refused" where the run did not start.
	Found map[string]string
	Log   string
}

// deadline is the most that one run of a program may take.
const deadline = time.Minute

// puppetd is Puppet, loaded once (testdata/puppet.rb).
type puppetd struct {
	cmd     *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
	log     bytes.Buffer
}

func startPuppet(ctx context.Context) (*puppetd, error) {
	p := &puppetd{cmd: command(ctx, "ruby", "testdata/puppet.rb")}
	p.cmd.Stderr = &p.log
	answers, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(answers)
	return p, p.cmd.Start()
}

func (p *puppetd) stop() error {
	return errors.Join(p.ask.Close(), p.cmd.Wait())
}

// apply applies the Puppet manifest in the root. Children of a folder with `recurse`, which are resources of their own in Puppet, count as the folder.
func (p *puppetd) apply(_ context.Context, root, manifest string) (verdict, error) {
	if err := os.WriteFile(filepath.Join(root, "manifest.pp"), []byte(manifest), 0o644); err != nil {
		return verdict{}, err
	}
	if _, err := fmt.Fprintln(p.ask, root); err != nil {
		return verdict{}, fmt.Errorf("puppet: %w\n%s", err, &p.log)
	}
	stuck := time.AfterFunc(deadline, func() { _ = p.cmd.Process.Kill() })
	line, err := p.answers.ReadBytes('\n')
	if !stuck.Stop() || err != nil {
		return verdict{}, fmt.Errorf("puppet: no answer: %w\n%s", err, &p.log)
	}
	var answer struct {
		Code      int
		Resources map[string]string
		Log       string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return verdict{}, fmt.Errorf("puppet: %w: %s", err, line)
	}
	if answer.Code < 0 {
		return verdict{}, fmt.Errorf("puppet: %s\n%s", answer.Log, &p.log)
	}
	v := verdict{Found: map[string]string{}, Log: answer.Log}
	for name, outcome := range answer.Resources {
		if kind, title, ok := strings.Cut(name, "["); ok && kind != "Schedule" && kind != "Filebucket" {
			v.Found[typeName(kind)+"["+title] = outcome
		}
	}
	if len(v.Found) == 0 && answer.Code != 0 {
		v.Found["manifest"] = "refused"
	}
	return v, nil
}

var outcomes = regexp.MustCompile(`(?m)^\{"event":"resource".*$`)

// applyHCL applies the HCL manifest in a root that has the program as /.apply.
func applyHCL(ctx context.Context, root, manifest string) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := os.WriteFile(filepath.Join(root, "main.hcl"), []byte(manifest), 0o644); err != nil {
		return verdict{}, err
	}
	out, err := command(ctx, "chroot", root, "/.apply", "--json", "--parallel", "1", "--state-dir", "/.state", "/main.hcl").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return verdict{}, err
	}
	v := verdict{Found: map[string]string{}, Log: string(out)}
	for _, line := range outcomes.FindAll(out, -1) {
		var r struct{ Type, Title, Outcome string }
		if err := json.Unmarshal(line, &r); err != nil {
			return verdict{}, fmt.Errorf("%w: %s", err, line)
		}
		v.Found[r.Type+"["+r.Title+"]"] = r.Outcome
	}
	switch {
	case ctx.Err() != nil:
		return verdict{}, fmt.Errorf("no end within %v\n%s", deadline, out)
	case len(v.Found) == 0 && exit != nil && exit.ExitCode() == 1:
		v.Found["manifest"] = "refused"
	case exit != nil && exit.ExitCode() != 4:
		return verdict{}, fmt.Errorf("%w\n%s", err, out)
	}
	return v, nil
}
