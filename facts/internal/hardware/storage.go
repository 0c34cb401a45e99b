package hardware

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nodeapply/apply/host"

	"github.com/nodeapply/apply/facts/internal/probe"
)

// sector is what the kernel counts the sizes of block devices in, whatever theirs is.
const sector = 512

// mountpoints tells of each mount by its folder. What nothing can be stored on (proc, sysfs...) is left out.
func mountpoints(ctx context.Context, n *probe.Node) (any, error) {
	mounts, err := n.View.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, m := range mounts {
		if pseudo(m) {
			continue
		}
		all[m.Point] = map[string]any{"device": m.Source, "filesystem": m.FSType, "options": probe.Texts(options(m))}
	}
	if err := fill(ctx, n, all); err != nil {
		return nil, err
	}
	return probe.OrNil(all), nil
}

func pseudo(m host.Mount) bool {
	return m.FSType == "autofs" || m.FSType != "tmpfs" && (host.Within(m.Point, "/proc") || host.Within(m.Point, "/sys")) || m.FSType == "nsfs"
}

// options are those of the mount, and of the file system where they are not the same.
func options(m host.Mount) []string {
	all := slices.Clone(m.Options)
	for _, o := range m.SuperOptions {
		if o == "rw" || o == "ro" {
			continue
		}
		all = append(all, o)
	}
	return all
}

// fill adds how full each file system is. One that is dead keeps the caller until ctx ends; the error names it.
func fill(ctx context.Context, n *probe.Node, mounts map[string]any) error {
	reader, ok := n.View.(host.SpaceReader)
	if !ok {
		return nil
	}
	type answer struct {
		point string
		space host.Space
		err   error
	}
	answers := make(chan answer, len(mounts)) // with room for those that come too late
	var wg sync.WaitGroup
	waiting := map[string]bool{}
	for point := range mounts {
		waiting[point] = true
		wg.Go(func() {
			space, err := reader.Space(point)
			answers <- answer{point, space, err}
		})
	}
	for len(waiting) > 0 {
		select {
		case a := <-answers:
			delete(waiting, a.point)
			if a.err != nil || a.space.Size == 0 { // gone, hidden below another mount, or of no size
				continue
			}
			m := mounts[a.point].(map[string]any)
			used := a.space.Size - a.space.Free
			m["size"], m["size_bytes"] = probe.Human(int64(a.space.Size)), int64(a.space.Size)
			m["available"], m["available_bytes"] = probe.Human(int64(a.space.Available)), int64(a.space.Available)
			m["used"], m["used_bytes"] = probe.Human(int64(used)), int64(used)
			m["capacity"] = probe.Share(int64(used), int64(used+a.space.Available))
		case <-ctx.Done():
			for point := range waiting {
				return fmt.Errorf("%s: %w", point, context.Cause(ctx))
			}
		}
	}
	wg.Wait()
	return nil
}

// disks tells of the block devices that are hardware, or a virtual machine's.
func disks(_ context.Context, n *probe.Node) (any, error) {
	all := map[string]any{}
	for _, name := range n.List("/sys/block") {
		dir := "/sys/block/" + name
		if !n.Linked(dir + "/device") {
			continue
		}
		d := map[string]any{
			"model": n.Word(dir + "/device/model"), "vendor": n.Word(dir + "/device/vendor"), "serial": serial(n, dir),
			"wwn": n.Word(dir + "/wwid"),
		}
		switch n.Word(dir + "/queue/rotational") {
		case "0":
			d["type"] = "ssd"
		case "1":
			d["type"] = "hdd"
		}
		size(n, d, dir)
		all[name] = probe.Object(d)
	}
	return probe.OrNil(all), nil
}

func serial(n *probe.Node, dir string) string {
	for _, f := range []string{"/device/serial", "/serial"} { // NVMe, virtio
		if s := n.Word(dir + f); s != "" {
			return s
		}
	}
	return udev(n, dir)["ID_SERIAL_SHORT"]
}

func size(n *probe.Node, into map[string]any, dir string) {
	sectors, err := strconv.ParseInt(n.Word(dir+"/size"), 10, 64)
	if err != nil {
		return
	}
	into["size"], into["size_bytes"] = probe.Human(sectors*sector), sectors*sector
}

// partitions tells of partitions, mapped devices and loop devices that are in use, by their names in /dev.
func partitions(ctx context.Context, n *probe.Node) (any, error) {
	mounts, err := n.View.Mounts(ctx)
	if err != nil {
		return nil, err
	}
	mounted := map[string]string{}
	for _, m := range mounts {
		if _, ok := mounted[m.Source]; !ok && m.Root == "/" {
			mounted[m.Source] = m.Point
		}
	}
	all := map[string]any{}
	add := func(device, dir string, extra map[string]any) {
		udev := udev(n, dir)
		extra["filesystem"], extra["uuid"], extra["label"] = udev["ID_FS_TYPE"], udev["ID_FS_UUID"], udev["ID_FS_LABEL"]
		extra["partuuid"], extra["partlabel"] = udev["ID_PART_ENTRY_UUID"], udev["ID_PART_ENTRY_NAME"]
		extra["mount"] = mounted[device]
		size(n, extra, dir)
		all[device] = probe.Object(extra)
	}
	for _, disk := range n.List("/sys/block") {
		dir := "/sys/block/" + disk
		if name := n.Word(dir + "/dm/name"); name != "" {
			add("/dev/mapper/"+name, dir, map[string]any{})
		}
		if file := n.Word(dir + "/loop/backing_file"); file != "" {
			add("/dev/"+disk, dir, map[string]any{"backing_file": file})
		}
		for _, part := range n.List(dir) {
			if strings.HasPrefix(part, disk) && n.There(dir+"/"+part+"/partition") == host.Regular {
				add("/dev/"+part, dir+"/"+part, map[string]any{})
			}
		}
	}
	return probe.OrNil(all), nil
}

// udev is what udev knows of the block device, from its database.
func udev(n *probe.Node, dir string) map[string]string {
	dev := n.Word(dir + "/dev") // "254:1"
	if dev == "" {
		return nil
	}
	return parseUdev(n.Word("/run/udev/data/b" + dev))
}

// parseUdev reads the properties of an entry: lines of E:NAME=value.
func parseUdev(s string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(s) {
		if rest, ok := strings.CutPrefix(line, "E:"); ok {
			key, value, _ := strings.Cut(strings.TrimRight(rest, "\n"), "=")
			all[key] = value
		}
	}
	return all
}
