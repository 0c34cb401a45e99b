package cron

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
		tab := &crontab{File: &text.File{Lines: text.Split(content)}}
		for i := range tab.Lines {
			j := tab.job(i)
			if j == nil || !j.complete() {
				continue
			}
			lines := j.lines("name")
			again := &crontab{File: &text.File{Lines: text.Split(lines[len(lines)-1] + "\n")}}
			k := &job{}
			if !k.parse(text.Body(again.Lines[0])) || k.command != j.command || k.time != j.time || k.special != j.special {
				t.Errorf("%q is written as %q", content, lines)
			}
		}
		_ = tab.names()
		_ = tab.find(&Cron{Name: "backup", Ensure: present, Command: "x"})
	})
}
