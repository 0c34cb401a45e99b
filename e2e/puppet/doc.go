// Package puppet holds the resource types against Puppet: the same manifest in both languages, on the same machine, has to leave the same state and
// to change, refresh, skip and fail the same resources. Where it deliberately does not, the table names the difference and the reason.
//
// A case is written in Puppet's language and carried over attribute by attribute (see carry). Both programs run by chroot in an overlay of this machine,
// in mount namespaces that end with the test, so nothing of the machine itself is touched. Needs root and Puppet 7 with its core modules, which
// `make oracle` installs; without them the tests say what they leave out. An ordinary run takes a sample, APPLY_ORACLE=whole all cases.
package puppet
