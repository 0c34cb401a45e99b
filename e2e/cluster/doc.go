// Package cluster lets real nodes build one GlusterFS volume by themselves: all at the same time, while one of them is down, rebooted, cut off or
// broken, and with every input that the module has. So do they with the other modules that come with the program.
//
// go test runs a sample; with APPLY_E2E=whole everything is tried, which make cluster does.
package cluster
