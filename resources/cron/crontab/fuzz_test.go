package crontab

import (
	"testing"

	"github.com/nodeapply/apply/resources/internal/text"
)

// FuzzCrontab: a job of a user's crontab is found again as it is written.
func FuzzCrontab(f *testing.F) {
	f.Add("# apply: backup\nMAILTO=ann\n*/5 0-4,6 * jan mon\ttar -c /home  \n")
	f.Add("# Puppet Name: a\n@daily x\n")
	f.Add("\"A B\" = 'c'\n1 2 3 4 5 %x%\n\n  # not a mark\n")
	f.Fuzz(func(t *testing.T, content string) {
		tab := &Table{file: &text.File{Lines: text.Split(content)}}
		for i := range tab.file.Lines {
			j := tab.job(i)
			if !j.Complete() {
				continue
			}
			lines := j.Lines("name")
			again := &Job{}
			if !again.parse(lines[len(lines)-1]) || !again.same(j) {
				t.Errorf("%q is written as %q", content, lines)
			}
		}
		for _, name := range tab.Names() {
			if tab.Find(name) == nil {
				t.Errorf("%q: no job %q", content, name)
			}
		}
		if j := tab.Unnamed(&Job{Special: "daily", Command: "x"}, true); j != nil && j.Command != "x" {
			t.Errorf("%q: %+v", content, j)
		}
	})
}
