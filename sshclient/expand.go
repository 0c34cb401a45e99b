package sshclient

import (
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/sshclient/config"
)

// expander replaces what ssh_config lets its values say in place of something, for one endpoint.
type expander struct {
	config *config.Config
	e      *endpoint
}

// tokens replaces %h and the like.
func (x expander) tokens(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	me, err := user.Current()
	if err != nil { // a user that no file knows has no name
		me = &user.User{Uid: strconv.Itoa(os.Getuid())}
	}
	name, _ := os.Hostname() // "" where this machine has none
	short, _, _ := strings.Cut(name, ".")
	return strings.NewReplacer("%%", "%", "%h", x.e.host, "%n", x.e.name, "%p", strconv.Itoa(x.e.port), "%r", x.e.user, "%d", x.config.Home,
		"%u", me.Username, "%i", me.Uid, "%l", name, "%L", short).Replace(text)
}

// file is the name of a file; "" where a variable of the environment that it names is not set, or it is none.
func (x expander) file(text string) string {
	if none(text) {
		return ""
	}
	var out strings.Builder
	for text = x.config.Tilde(text); ; {
		before, rest, ok := strings.Cut(text, "${")
		out.WriteString(before)
		if !ok {
			return x.tokens(out.String())
		}
		name, after, closed := strings.Cut(rest, "}")
		value, set := os.LookupEnv(name)
		if !closed || !set {
			return ""
		}
		out.WriteString(value)
		text = after
	}
}

// files are the names of files that there are.
func (x expander) files(texts []string) (out []string) {
	for _, t := range texts {
		if f := x.file(t); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// agent is the socket of an agent, as IdentityAgent says it; usual is that of the environment.
func (x expander) agent(text, usual string) string {
	switch {
	case text == "" || text == "SSH_AUTH_SOCK":
		return usual
	case strings.HasPrefix(text, "$") && !strings.HasPrefix(text, "${"):
		return os.Getenv(text[1:])
	}
	return x.file(text)
}
