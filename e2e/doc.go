// Package e2e tries the program on real nodes: machines of their own with systemd, disks and package managers, as package lab boots them, or chroots
// of other distributions. The tests need root; elsewhere they say what is left out.
package e2e
