package sysctl

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/resources"
)

// inside says to a process of this test that it is in a network namespace of its own.
const inside = "APPLY_TEST_PARAMETERS"

// TestKernel has the kernel itself take and refuse values: parameters of a network namespace of its own, so that nothing of it is seen outside.
func TestKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("parameters of a real kernel are not tested: only root can change them")
	}
	if os.Getenv(inside) == "" {
		if out, err := exec.Command("unshare", "--net", "test", "-w", "/proc/sys/net/ipv4/ip_local_reserved_ports").CombinedOutput(); err != nil && os.Getenv("APPLY_LAB") != "require" {
			t.Skipf("parameters of a real kernel are not tested: no network namespace: %v %s", err, out)
		}
		cmd := exec.CommandContext(t.Context(), "unshare", "--net", os.Args[0], "-test.run=^TestKernel$", "-test.v", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	h, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	const ports, span = "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_local_port_range"
	for _, tc := range []struct{ name, parameter, value, want, wrong string }{
		{"tabs of the kernel's", span, "33000 60000", "33000 60000", ""},
		{"a form of its own", ports, "5,6,7", "", `value: the kernel takes "5,6,7" and keeps "5-7": declare what it keeps`},
		{"the form that it keeps", ports, "5-7", "5-7", ""},
		{"put back to what was", ports, "9,8", "5-7", `value: the kernel takes "9,8" and keeps "8-9": declare what it keeps`},
		{"refused", span, "60000 33000", "33000 60000", "tee: exit code 1: /proc/sys/net/ipv4/ip_local_port_range: Invalid argument"},
		{"nothing", ports, "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := Type().New(tc.parameter).(*Sysctl)
			s.Value, s.Persist = resources.Scalar(tc.value), false
			d, err := s.Check(t.Context(), h)
			if err != nil || !d.Has("value") || d.Has("persist") {
				t.Fatalf("check: %+v, %v", d, err)
			}
			got := ""
			if err := s.Apply(t.Context(), h, d); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.wrong, got); diff != "" {
				t.Error(diff)
			}
			if is, err := s.value(h); is != tc.want || err != nil {
				t.Errorf("want %q, got %q, %v", tc.want, is, err)
			}
			if d, err := s.Check(t.Context(), h); err != nil || d.Empty() != (tc.wrong == "") {
				t.Errorf("afterwards: %+v, %v", d, err)
			}
		})
	}
}
