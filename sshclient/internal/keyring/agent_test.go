package keyring

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestHangingAgent: an agent that does not answer leaves time to log in by the keys in files, within the 10 s that a node has to be connected.
func TestHangingAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there) // until the pipe is closed
		begun := time.Now()
		h := list(here)
		must(t, here.Close())
		if took := time.Since(begun); took != listPatience || listPatience > agentPatience/2 || len(h.signers) > 0 || h.told != "agent: agent: client error: read pipe: i/o timeout" {
			t.Errorf("after %v: %q", took, h.told)
		}
	})
}
