// Package fault breaks runs of apply in every way that the promises of docs/safety.md speak of: kills and errors at each system call, power
// cuts, full and dead file systems, races, floods, damaged state. Beside apply the same harness runs programs that lack one precaution each
// (control), and fails if it does not notice.
//
// go test runs a sample; with APPLY_FAULT=whole everything is tried, which make fault does.
package fault
