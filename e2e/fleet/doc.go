// Package fleet tries the fleet on many sshd processes, each with a network namespace and a tree of its own, some of them behind a gateway.
//
// go test runs a sample; with APPLY_FLEET=whole everything is tried, which make fleet does.
package fleet
