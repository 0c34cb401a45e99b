package load

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/manifest"
)

// Flags say which manifest is read, and with what it is compiled.
type Flags struct {
	Vars     []string
	VarFiles []string
	Environ  []string // with the values of variables, as APPLY_VAR_n=value; nil: the process's own
	FactDirs []string
	Exchange Exchange

	Git     string
	Ref     string
	Signers string

	sent string
}

// AddFlags adds the flags of commands that read a manifest.
func (f *Flags) AddFlags(s *pflag.FlagSet) {
	f.AddValues(s)
	f.AddRepository(s)
	s.StringVar(&f.sent, "sent", "", "`FILE` that says where a manifest is from that was sent here")
	_ = s.MarkHidden("sent") // for fleet converge; the flag is there
}

// AddValues adds the flags that say with what a manifest is compiled.
func (f *Flags) AddValues(s *pflag.FlagSet) {
	f.AddVars(s)
	f.AddFactDirs(s)
	f.Exchange.AddFlags(s)
	s.StringSliceVar(&f.Exchange.Groups, "group", nil, "a `GROUP` that this node is in, for waits; may repeat")
}

// AddVars adds the flags that give variables.
func (f *Flags) AddVars(s *pflag.FlagSet) {
	s.StringArrayVar(&f.Vars, "var", nil, "value of a variable, as `NAME=VALUE`; may repeat")
	s.StringArrayVar(&f.VarFiles, "var-file", nil, "`FILE` of variables, HCL or JSON; may repeat")
}

// AddFactDirs adds the flag that says where external facts are.
func (f *Flags) AddFactDirs(s *pflag.FlagSet) {
	s.StringArrayVar(&f.FactDirs, "facts-dir", nil, "`FOLDER` of external facts beside /etc/apply/facts.d; may repeat")
}

// AddRepository adds the flags that say where a manifest is.
func (f *Flags) AddRepository(s *pflag.FlagSet) {
	s.StringVar(&f.Git, "git", "", "read PATH from the repository at this `URL`: https, ssh or file")
	s.StringVar(&f.Ref, "ref", "", "with --git: a `TAG`, else a branch, else a commit")
	f.AddSigners(s)
}

// AddSigners adds the flag that demands a signature.
func (f *Flags) AddSigners(s *pflag.FlagSet) {
	s.StringVar(&f.Signers, "require-signature", "", "refuse a revision that none of the signers in this `FILE` has signed: allowed SSH signers, or an OpenPGP keyring")
}

const varPrefix = "APPLY_VAR_"

// VarEnviron is what of the environment gives variables values.
func (f *Flags) VarEnviron() []string {
	environ := f.Environ
	if environ == nil {
		environ = os.Environ()
	}
	vars := []string{}
	for _, kv := range environ {
		if strings.HasPrefix(kv, varPrefix) {
			vars = append(vars, kv)
		}
	}
	return vars
}

// variables gathers the values of the root module's variables; later ones win.
func (f *Flags) variables() ([]manifest.VarSource, error) {
	var vars []manifest.VarSource
	for _, kv := range f.VarEnviron() {
		name, value, _ := strings.Cut(kv, "=")
		vars = append(vars, manifest.VarSource{Name: strings.TrimPrefix(name, varPrefix), Value: value, Origin: name, Optional: true})
	}
	for _, file := range f.VarFiles {
		vars = append(vars, manifest.VarSource{File: file, Origin: "--var-file " + file})
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
