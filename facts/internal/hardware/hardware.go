// Package hardware finds a node's memory, processors, firmware and storage.
package hardware

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/facts/internal/probe"
)

// Finders returns how each fact is found.
func Finders() map[string]probe.Finder {
	return map[string]probe.Finder{
		"disks":       disks,
		"dmi":         dmi,
		"memory":      probe.Parsed("/proc/meminfo", parseMeminfo),
		"mountpoints": mountpoints,
		"partitions":  partitions,
		"processors":  processors,
	}
}

// parseMeminfo reads /proc/meminfo, which counts in KiB.
func parseMeminfo(s string) map[string]any {
	v := map[string]int64{}
	for line := range strings.Lines(s) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		if kib, err := strconv.ParseInt(f[0], 10, 64); err == nil {
			v[name] = kib * 1024
		}
	}
	available, ok := v["MemAvailable"]
	if !ok { // before Linux 3.14
		available = v["MemFree"] + v["Buffers"] + v["Cached"]
	}
	all := map[string]any{}
	if v["MemTotal"] > 0 {
		all["system"] = room(v["MemTotal"], available)
	}
	if v["SwapTotal"] > 0 {
		all["swap"] = room(v["SwapTotal"], v["SwapFree"])
	}
	return all
}

// room is a size, and what is left of it, in bytes and for people.
func room(total, available int64) map[string]any {
	used := total - available
	return map[string]any{
		"total": probe.Human(total), "total_bytes": total, "available": probe.Human(available), "available_bytes": available,
		"used": probe.Human(used), "used_bytes": used, "capacity": probe.Share(used, total),
	}
}

func processors(_ context.Context, n *probe.Node) (any, error) {
	s, err := n.File("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	c := parseCPUInfo(s)
	if c.count == 0 {
		return nil, nil
	}
	if c.packages == 0 {
		c.packages = packages(n)
	}
	p := map[string]any{
		"count": int64(c.count), "physicalcount": int64(max(1, c.packages)), "models": probe.Texts(c.models), "isa": n.Hardware(),
		"speed": speed(c.mhz),
	}
	if c.cores > 0 {
		p["cores"] = int64(c.cores)
		p["threads"] = int64(max(1, c.siblings/c.cores))
	}
	return probe.Object(p), nil
}

// speed writes a frequency as Facter does: "2.60 GHz".
func speed(mhz int64) string {
	switch {
	case mhz <= 0:
		return ""
	case mhz < 1000:
		return fmt.Sprintf("%d.00 MHz", mhz)
	}
	return fmt.Sprintf("%.2f GHz", float64(mhz)/1000)
}

// packages counts the sockets where cpuinfo does not tell them: on ARM.
func packages(n *probe.Node) int {
	ids := map[string]bool{}
	for _, name := range n.List("/sys/devices/system/cpu") {
		if digits, ok := strings.CutPrefix(name, "cpu"); ok && strings.Trim(digits, "0123456789") == "" {
			if id := n.Word("/sys/devices/system/cpu/" + name + "/topology/physical_package_id"); id != "" && id != "-1" {
				ids[id] = true
			}
		}
	}
	return len(ids)
}

// cpuInfo is what /proc/cpuinfo tells.
type cpuInfo struct {
	count, packages int
	cores, siblings int // of one package
	models          []string
	mhz             int64 // of the last one, as Facter has it
}

// parseCPUInfo knows the forms of x86, ARM, POWER and s390.
func parseCPUInfo(s string) cpuInfo {
	var c cpuInfo
	ids := map[string]bool{}
	for line := range strings.Lines(s) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case key == "processor":
			c.count++
		case strings.HasPrefix(key, "processor "): // "processor 0: version = FF, ..." on s390
			c.count++
		case key == "model name", key == "cpu":
			c.models = append(c.models, value)
		case key == "physical id":
			ids[value] = true
		case key == "cpu cores":
			c.cores, _ = strconv.Atoi(value)
		case key == "siblings":
			c.siblings, _ = strconv.Atoi(value)
		case key == "cpu MHz", key == "clock": // 2596.142, and 2596.142MHz on POWER
			whole, _, _ := strings.Cut(strings.TrimSuffix(value, "MHz"), ".")
			c.mhz, _ = strconv.ParseInt(whole, 10, 64)
		}
	}
	c.packages = len(ids)
	return c
}

func dmi(_ context.Context, n *probe.Node) (any, error) {
	const dir = "/sys/class/dmi/id/"
	read := func(names map[string]string) map[string]any {
		part := map[string]any{}
		for key, file := range names {
			part[key] = n.Word(dir + file)
		}
		return probe.Object(part)
	}
	all := read(map[string]string{"manufacturer": "sys_vendor"})
	all["bios"] = read(map[string]string{"vendor": "bios_vendor", "version": "bios_version", "release_date": "bios_date"})
	all["board"] = read(map[string]string{
		"manufacturer": "board_vendor", "product": "board_name", "serial_number": "board_serial", "asset_tag": "board_asset_tag",
	})
	all["product"] = read(map[string]string{"name": "product_name", "serial_number": "product_serial", "uuid": "product_uuid", "version": "product_version"})
	chassis := read(map[string]string{"asset_tag": "chassis_asset_tag"})
	chassis["type"] = chassisType(n.Word(dir + "chassis_type"))
	all["chassis"] = probe.Object(chassis)
	return probe.OrNil(all), nil
}

// chassisType is the name that SMBIOS, 7.4.1, gives the number.
func chassisType(s string) string {
	names := [...]string{
		"", "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower", "Tower", "Portable", "Laptop", "Notebook", "Hand Held",
		"Docking Station", "All in One", "Sub Notebook", "Space-Saving", "Lunch Box", "Main System Chassis", "Expansion Chassis", "SubChassis",
		"Bus Expansion Chassis", "Peripheral Chassis", "Storage Chassis", "Rack Mount Chassis", "Sealed-Case PC", "Multi-system", "CompactPCI",
		"AdvancedTCA", "Blade", "Blade Enclosure", "Tablet", "Convertible", "Detachable", "IoT Gateway", "Embedded PC", "Mini PC", "Stick PC",
	}
	i, err := strconv.Atoi(s)
	if err != nil || i <= 0 || i >= len(names) {
		return ""
	}
	return names[i]
}
