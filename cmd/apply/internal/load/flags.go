package load

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/limits"
)

// Flags say which manifest is read, and with what it is compiled.
type Flags struct {
	Vars     []string
	VarFiles []string
	Environ  []string // with the values of variables and facts, as APPLY_VAR_n=value; nil: the process's own
	FactDirs []string
	Exchange Exchange

	identities []string

	Git     string
	Ref     string
	Signers string

	sent  string
	piped map[string][]byte // what came through the pipes among VarFiles
}

// AddFlags adds the flags of commands that read a manifest.
func (f *Flags) AddFlags(s *pflag.FlagSet) {
	f.AddValues(s)
	f.AddRepository(s)
	s.StringVar(&f.sent, "sent", "", "`FILE` that says where a manifest is from that was sent here, and what with")
	_ = s.MarkHidden("sent") // for fleet converge; the flag is there
}

// AddValues adds the flags that say with what a manifest is compiled.
func (f *Flags) AddValues(s *pflag.FlagSet) {
	f.AddVars(s)
	f.AddFactDirs(s)
	s.Var((*flagvalue.Names)(&f.identities), "age-identity", "`FILE` of the age identity, or private ssh key, with which decrypt() opens files; may repeat (default /etc/apply/identity and the ssh host keys)")
	f.Exchange.AddFlags(s)
	s.StringSliceVar(&f.Exchange.Groups, "group", nil, "a `GROUP` that this node is in, for waits; may repeat")
}

// AddVars adds the flags that give variables.
func (f *Flags) AddVars(s *pflag.FlagSet) {
	s.StringArrayVar(&f.Vars, "var", nil, "value of a variable, as `NAME=VALUE`; may repeat")
	s.Var((*flagvalue.Names)(&f.VarFiles), "var-file", "`FILE` of variables, HCL or JSON; may repeat")
}

// AddFactDirs adds the flag that says where external facts are.
func (f *Flags) AddFactDirs(s *pflag.FlagSet) {
	s.Var((*flagvalue.Names)(&f.FactDirs), "facts-dir", "`FOLDER` of external facts beside /etc/apply/facts.d; may repeat")
}

// AddRepository adds the flags that say where a manifest is.
func (f *Flags) AddRepository(s *pflag.FlagSet) {
	s.Var((*flagvalue.Named)(&f.Git), "git", "read PATH from the repository at this `URL`: https, ssh or file")
	s.Var((*flagvalue.Named)(&f.Ref), "ref", "with --git: a `TAG`, else a branch, else a commit")
	f.AddSigners(s)
}

// AddSigners adds the flag that demands a signature.
func (f *Flags) AddSigners(s *pflag.FlagSet) {
	s.Var((*flagvalue.Named)(&f.Signers), "require-signature", "refuse a revision that none of the signers in this `FILE` has signed: allowed SSH signers, or an OpenPGP keyring")
}

const varPrefix = "APPLY_VAR_"

// Given is what of the environment gives variables and facts values.
func (f *Flags) Given() []string {
	environ := f.Environ
	if environ == nil {
		environ = os.Environ()
	}
	given := []string{}
	for _, kv := range environ {
		if strings.HasPrefix(kv, varPrefix) || strings.HasPrefix(kv, "APPLY_FACT_") || strings.HasPrefix(kv, "FACTER_") {
			given = append(given, kv)
		}
	}
	return given
}

// pipeTimeout is how long the other end of a pipe may take, which perhaps asks somebody for a password.
const pipeTimeout = 5 * time.Minute

// isPipe says whether a file of variables gives what it holds only once, as <(command) and /dev/stdin do, which are links to what is open. A pipe that lies
// among files is refused as in the place of any other: nobody may ever write to it.
func isPipe(name string) bool {
	if itself, err := os.Lstat(name); err != nil || itself.Mode()&fs.ModeNamedPipe != 0 {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0
}

// Lasting refuses pipes among the files of variables for who has them read again.
func (f *Flags) Lasting(why string) error {
	for _, name := range f.VarFiles {
		if isPipe(name) {
			return fmt.Errorf("--var-file %s: a pipe can be read only once, and %s; write the values to a file", name, why)
		}
	}
	return nil
}

// pipe is what came through a pipe, which is read once.
func (f *Flags) pipe(ctx context.Context, name string) ([]byte, error) {
	if text, ok := f.piped[name]; ok {
		return text, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pipeTimeout, fmt.Errorf("timed out after %s", pipeTimeout))
	defer cancel()
	text, err := limits.ReadPipe(ctx, name, limits.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("--var-file %w", err)
	}
	if f.piped == nil {
		f.piped = map[string][]byte{}
	}
	f.piped[name] = text
	return text, nil
}

// variables gathers the values of the root module's variables; later ones win.
func (f *Flags) variables(ctx context.Context) ([]manifest.VarSource, error) {
	var vars []manifest.VarSource
	for _, kv := range f.Given() {
		name, value, _ := strings.Cut(kv, "=")
		if variable, ok := strings.CutPrefix(name, varPrefix); ok {
			vars = append(vars, manifest.VarSource{Name: variable, Value: value, Origin: name, Optional: true})
		}
	}
	for _, file := range f.VarFiles {
		given := manifest.VarSource{File: file, Origin: "--var-file " + file}
		if isPipe(file) {
			var err error
			if given.Text, err = f.pipe(ctx, file); err != nil {
				return nil, err
			}
		}
		vars = append(vars, given)
	}
	for _, kv := range f.Vars {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--var %q: want NAME=VALUE", kv)
		}
		vars = append(vars, manifest.VarSource{Name: name, Value: value, Origin: "--var " + name})
	}
	return vars, nil
}
