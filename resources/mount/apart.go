package mount

import "github.com/nodeapply/apply/host"

// apart says whether the mounts that this process sees are its own: what it mounts the rest of the node does not see, and what it unmounts stays there.
func apart(v host.View) bool {
	own, err := v.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return false
	}
	node, err := v.Readlink("/proc/1/ns/mnt")
	return err == nil && own != node
}
