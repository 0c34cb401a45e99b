// Package sourcetest starts the real servers that git repositories are fetched from, for tests and measurements: sshd, and git http-backend behind
// TLS, both on the loopback interface.
package sourcetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNone says that the program of a server is not installed.
var ErrNone = errors.New("not installed")

// SSH is sshd with keys of its own.
type SSH struct {
	Port    int
	HostKey string // a line for known_hosts
	UserKey string // path of the private key that is let in

	cmd     *exec.Cmd
	drained chan struct{}
}

const sshdConfig = `ListenAddress 127.0.0.1:%d
HostKey %[2]s/host
AuthorizedKeysFile %[2]s/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*
`

// StartSSH starts sshd with what it makes in dir, and returns when it listens. Close it.
func StartSSH(dir string) (*SSH, error) {
	const sshd = "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		return nil, fmt.Errorf("sshd (openssh-server): %w", ErrNone)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd insists on it
			return nil, err
		}
	}
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, fmt.Appendf(nil, sshdConfig, port, dir), 0o600); err != nil {
		return nil, err
	}
	s := &SSH{
		Port: port, HostKey: fmt.Sprintf("[127.0.0.1]:%d %s", port, public), UserKey: filepath.Join(dir, "user"),
		cmd: exec.Command(sshd, "-D", "-e", "-f", config), drained: make(chan struct{}),
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("sshd: ended: %w", s.cmd.Wait())
		}
		if strings.Contains(line, "Server listening") {
			break
		}
	}
	go func() {
		defer close(s.drained)
		io.Copy(io.Discard, lines) // until sshd has ended
	}()
	return s, nil
}

// Close ends the server.
func (s *SSH) Close() error {
	err := s.cmd.Process.Kill()
	<-s.drained
	s.cmd.Wait() // says that it was killed
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
