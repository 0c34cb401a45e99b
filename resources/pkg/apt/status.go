package apt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources/pkg/manager"
)

// readStatus yields the packages of a dpkg status file (deb822 paragraphs, see dpkg's /var/lib/dpkg/status) as a stream: what is
// kept in memory is one line and one package.
func readStatus(r io.Reader, yield func(manager.Package)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var p manager.Package
	var status string
	var field string // the field that continuation lines belong to; "" for one that is not wanted
	flush := func() {
		if p.Name != "" && status != "" {
			p.Status, p.Held = parseStatus(status)
			p.Torn = torn(status)
			if p.Status == manager.Leftovers && p.Version == "" {
				p.Status = manager.Missing
			}
			yield(p)
		}
		p, status, field = manager.Package{}, "", ""
	}
	for {
		line, err := readLine(br)
		if len(line) == 0 && err != nil {
			flush()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) == 0 {
			flush()
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if field == "Provides" {
				p.Provides = append(p.Provides, provided(string(line))...)
			}
			continue
		}
		key, value, _ := bytes.Cut(line, []byte(":"))
		field = ""
		switch string(key) { // no allocation: the compiler compares in place
		case "Package":
			p.Name = trimmed(value)
		case "Status":
			status = trimmed(value)
		case "Architecture":
			p.Arch = trimmed(value)
		case "Version":
			p.Version = trimmed(value)
		case "Provides":
			field = "Provides"
			p.Provides = provided(string(value))
		}
	}
}

// readLine returns the next line, of which at most the reader's buffer is kept: all lines of interest are short.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		line = append([]byte(nil), line...)
		_, err = br.ReadSlice('\n')
	}
	return line, err
}

func trimmed(b []byte) string { return string(bytes.TrimSpace(b)) }

// parseStatus reads the three words of a status: what is wanted, whether the package is sound, and how far it is.
func parseStatus(words string) (manager.Status, bool) {
	f := strings.Fields(words)
	if len(f) != 3 {
		return manager.Broken, false
	}
	held := f[0] == "hold"
	switch f[2] {
	case "not-installed":
		return manager.Missing, held
	case "config-files":
		return manager.Leftovers, held
	case "installed", "triggers-pending", "triggers-awaited":
		if f[1] == "ok" {
			return manager.Installed, held
		}
	}
	return manager.Broken, held
}

// torn says of the words of a status that some of the package's files are missing: dpkg began to unpack or to remove it, and did not end.
func torn(words string) bool {
	f := strings.Fields(words)
	return slices.Contains(f, "reinstreq") || slices.Contains(f, "half-installed")
}

// provided reads the names in "a, b (= 1.2), c:any".
func provided(list string) []string {
	var names []string
	for part := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		name, _, _ = strings.Cut(name, ":")
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// nativeArch is the architecture of the package dpkg itself.
func nativeArch(packages []manager.Package) string {
	for _, p := range packages {
		if p.Name == "dpkg" && p.Status != manager.Missing {
			return p.Arch
		}
	}
	return ""
}

func statusError(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }
