// Package octal is how fstab(5) and proc_pid_mountinfo(5) write what would end a field: as a backslash and three octal digits.
package octal

import (
	"strconv"
	"strings"
)

// Escape writes white space and backslashes so.
func Escape(s string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, "\r", `\015`, "\v", `\013`, "\f", `\014`, `\`, `\134`).Replace(s)
}

// Unescape reads what is written so; any other backslash stands for itself.
func Unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
