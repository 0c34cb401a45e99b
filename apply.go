// Package apply brings a node to the state that a manifest declares. It is the program as a library, thin: [Load] compiles a manifest for
// this node, and the Manifest plans and converges.
//
//	m, err := apply.Load(ctx, "main.hcl", apply.Options{})
//	if err != nil { ... } // a diag.List: every mistake, with its place
//	plan, err := m.Plan(ctx, engine.Options{})
//	if plan.Outcome() == report.Pending { ... }
//	rep, err := m.Converge(ctx, engine.Options{Parallel: 4})
//
// An error of Plan and Converge says that nothing was touched. What became of a resource, also that it failed or that ctx ended meanwhile, is in its
// [report.Result], and errors.Is tells with what (see the example Errors); the packages below report print them.
//
// A manifest is a file or a folder, as are its modules: who makes one writes it to a folder of his own. A run keeps nothing by itself. Package
// journal has the lock, records the run and keeps its report, journal/undo puts back what it changed (see the example Record). Resource types of
// one's own are written against package resources, held to its contract by resources/resourcetest, and handed over as Options.Types (see the
// example Type). A module is tested without a node by facts that are made up (the example Facts), and nodes meet in an exchange of one's own (the example
// Exchange). Any number of manifests may be loaded and converge at the same time.
package apply

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/modules"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/scrub"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
)

// Options say what a manifest is compiled with. The zero value is the node itself, without variables.
type Options struct {
	// Host is the node; default: this one, which is opened once for the process. Another one, by [local.New], is the caller's to close.
	Host host.Host
	// Types are one's own resource types, beside those of apply; one of the same name takes the place of theirs.
	Types []resources.Type
	Vars  []manifest.VarSource // values of variables, later ones win; default: none, the environment is not asked
	Facts manifest.Facts       // default: this node's, what it exports and what this process' environment gives
	// Modules finds the folder of a module whose source is neither a path nor built in; default: that is a mistake.
	Modules func(ctx context.Context, source, from string) (manifest.Folder, error)
	// Session is this node's part in an exchange, for one run at a time; default: none, a file in the default state folder. The caller closes it.
	Session *session.Session
	Scrub   *scrub.Scrubber // learns the sensitive values that are met; default: one of its own
	// Identities are the files of age identities, or of private ssh keys, with which decrypt() opens what is sealed for this node; those that are not
	// there are passed over. Default: /etc/apply/identity and the node's ssh host keys, for other users than root apply/identity in their configuration.
	Identities []string
	// Shown is how positions write the path; default: as it is. Within is the folder that the sources of its modules cannot leave; default: anywhere.
	Shown, Within string
}

// Manifest is a manifest compiled for one node and one run: values that only the run gives are kept in it, so the next run loads it
// anew. It is used by one goroutine at a time.
type Manifest struct {
	Path     string // as reports name it
	Warnings diag.List

	host     host.Host
	scrub    *scrub.Scrubber
	session  *session.Session
	compiled *manifest.Result
}

// thisNode is opened once, for a node that is loaded for run after run holds files and a connection to systemd.
var thisNode = sync.OnceValues(func() (*local.Node, error) { return local.New(local.Options{}) })

// Load compiles the file or folder at path. Nothing is touched. Mistakes come all at once as a [diag.List]; where ctx has ended, the error wraps its cause.
func Load(ctx context.Context, path string, o Options) (*Manifest, error) {
	if o.Host == nil {
		node, err := thisNode()
		if err != nil {
			return nil, err
		}
		o.Host = node
	}
	if o.Session == nil {
		var err error
		if o.Session, err = alone(); err != nil {
			return nil, err
		}
	}
	if o.Facts == nil {
		o.Facts = facts.New(o.Host, facts.Options{Environ: os.Environ(), Exported: o.Session.Exported()})
	}
	if o.Scrub == nil {
		o.Scrub = &scrub.Scrubber{}
	}
	if o.Identities == nil {
		o.Identities = identities()
	}
	finder := &modules.Finder{Next: o.Modules}
	compiled, diags := manifest.Compile(ctx, path, manifest.Options{
		Types: all.Linked(o.Session, o.Types...), Vars: o.Vars, Facts: o.Facts, Modules: finder.Find, Shown: o.Shown, Within: o.Within, Identities: o.Identities,
		OnSecret: func(s string) { o.Scrub.Add(s) },
	})
	if err := finder.Close(); err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		if err := context.Cause(ctx); err != nil { // then what was found missing may be there
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return nil, diags
	}
	return &Manifest{Path: path, Warnings: diags, host: o.Host, scrub: o.Scrub, session: o.Session, compiled: compiled}, nil
}

// identities are the files with what a node is known by, for whom files are sealed.
func identities() []string {
	if os.Geteuid() == 0 {
		return []string{"/etc/apply/identity", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key"}
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(config, "apply", "identity")}
}

// Catalog is what the node should be.
func (m *Manifest) Catalog() *catalog.Catalog { return m.compiled.Catalog }

// Plan says what Converge would do, and changes nothing. Of the options it fills in Manifest, Outputs and how to scrub.
func (m *Manifest) Plan(ctx context.Context, o engine.Options) (*report.Report, error) {
	return engine.Plan(ctx, m.host, m.compiled.Catalog, m.options(o))
}

// Converge brings the node to the manifest. Of the options it fills in what Plan does.
func (m *Manifest) Converge(ctx context.Context, o engine.Options) (*report.Report, error) {
	if o.Run == "" {
		o.Run = report.NewRunID(time.Now())
	}
	return m.together(ctx, m.options(o))
}

func (m *Manifest) options(o engine.Options) engine.Options {
	o.Manifest, o.Scrub, o.ScrubOutput, o.Outputs = m.Path, m.scrub.Scrub, m.scrub.ScrubOutput, m.outputs
	return o
}

// outputs are the root module's outputs; of one whose values a plan or a failed run does not give, that is said in its place.
func (m *Manifest) outputs(ctx context.Context, late catalog.Values) []report.Output {
	var out []report.Output
	for _, o := range m.compiled.Outputs {
		value, known := o.Value, true
		if o.Late != nil {
			value, known = lateOutput(ctx, o, late)
		}
		if o.Sensitive {
			value = scrub.Hidden
		}
		out = append(out, report.Output{Name: o.Name, Value: value, Sensitive: o.Sensitive, Unknown: !known, Plain: o.Late == nil})
	}
	return out
}

func lateOutput(ctx context.Context, o manifest.Output, late catalog.Values) (value any, known bool) {
	if late == nil {
		return "(known after the run)", false
	}
	value, err := o.Late(ctx, late)
	if err != nil {
		return "(not known: " + err.Error() + ")", false
	}
	return value, true
}
