package sshclient

import (
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A host is asked whether it is still there this often, and given up after this long without an answer.
const (
	keepAliveEvery    = 10 * time.Second
	keepAlivePatience = 20 * time.Second
)

// KeepAlive closes the connection to a host that no longer answers: TCP alone would wait for hours. The result ends that, and waits for it; the
// connection is closed before.
func KeepAlive(client *ssh.Client) (end func()) {
	closed := make(chan struct{})
	var owned sync.WaitGroup
	owned.Go(func() {
		t := time.NewTicker(keepAliveEvery)
		defer t.Stop()
		for {
			select {
			case <-closed:
				return
			case <-t.C:
			}
			giveUp := time.AfterFunc(keepAlivePatience, func() { client.Close() })
			_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
			giveUp.Stop()
			if err != nil {
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(closed)
		owned.Wait()
	})
}
