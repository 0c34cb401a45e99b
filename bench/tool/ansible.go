package tool

import (
	"fmt"
	"path/filepath"

	"github.com/nodeapply/apply/bench/state"
)

// ansible is ansible-playbook on the local machine. Its tasks run one after the other, which keeps every edge.
type ansible struct{}

// Name implements Tool.
func (ansible) Name() string { return "ansible" }

// Program implements Tool.
func (ansible) Program() string { return "ansible" }

// Command implements Tool.
func (ansible) Command(dir string) (args, env []string) {
	return []string{"ansible-playbook", "-i", "localhost,", filepath.Join(dir, "site.yml")},
		[]string{"ANSIBLE_LOCAL_TEMP=" + filepath.Join(dir, "tmp"), "ANSIBLE_REMOTE_TEMP=" + filepath.Join(dir, "tmp"), "ANSIBLE_NOCOLOR=1", "HOME=" + dir}
}

// Ended implements Tool.
func (ansible) Ended(exit int, out []byte) (ok, changed bool) {
	return exit == 0, contains(out, " changed=") && !contains(out, " changed=0 ")
}

// Write implements Tool.
func (ansible) Write(dir string, s *state.State) error {
	head := "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n"
	switch s.Shape {
	case state.Nothing:
		return whole(dir, "site.yml", "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: []\n")
	case state.Folder:
		return whole(dir, "site.yml", head+fmt.Sprintf("  - ansible.builtin.copy: {src: '%s/', dest: '%s', remote_src: true}\n", s.Sources, s.Root))
	case state.Each:
		return whole(dir, "site.yml", head+fmt.Sprintf("  - ansible.builtin.copy:\n      dest: '%s/file{{ item }}'\n      mode: '0644'\n      content: '%s{{ item }}'\n    loop: '{{ range(%d) | list }}'\n",
			s.Root, state.EachLine, s.N))
	}
	return write(dir, "site.yml", head, "", s, func(t *text, e state.Entry) {
		switch e.Kind {
		case state.Dir:
			t.put("  - ansible.builtin.file: {path: '%s', state: directory, mode: '0755'}\n", e.Path)
		case state.Link:
			t.put("  - ansible.builtin.file: {path: '%s', src: '%s', state: link}\n", e.Path, e.Target)
		case state.Command:
			t.put("  - ansible.builtin.command: {argv: [/usr/bin/touch, '%s'], creates: '%s'}\n", e.Path, e.Path)
		case state.File:
			if e.Source != "" {
				t.put("  - ansible.builtin.copy: {dest: '%s', src: '%s', remote_src: true, mode: '0644'}\n", e.Path, e.Source)
			} else {
				t.put("  - ansible.builtin.copy: {dest: '%s', mode: '0644', content: '%s'}\n", e.Path, s.Text(e))
			}
		}
	})
}
