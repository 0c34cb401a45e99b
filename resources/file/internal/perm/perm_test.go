package perm

import (
	"testing"

	"github.com/nodeapply/apply/host"
)

func TestModeAttribute(t *testing.T) {
	for _, ok := range []any{"0644", "644", "4755", "7777", "0", "u+x,g-w,a=rX", "u=rwxs,g=u,o=", "+t", "a-s", "u+r-w"} {
		var m Mode
		if err := m.UnmarshalAttr(ok); err != nil || string(m) != ok {
			t.Errorf("%v: %q, %v", ok, m, err)
		}
	}
	for _, bad := range []any{644.0, 420.0, true, "", "0888", "10000", "u", "z+x", "u+q", "u+x,", "rwxr-xr-x", "-1", []any{"0644"}} {
		var m Mode
		if err := m.UnmarshalAttr(bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestModeIsNoNumber(t *testing.T) {
	const want = `want a string such as "0644" or "u+x,g-w"`
	for bad, said := range map[any]string{644.0: want + ", not a number", true: want} {
		if err := new(Mode).UnmarshalAttr(bad); err == nil || err.Error() != said {
			t.Errorf("%v: want %q, got %v", bad, said, err)
		}
	}
}

// What is written of a thing gives it just the bits that it has, also to a folder that may be read and not searched.
func TestExactly(t *testing.T) {
	for _, kind := range []host.Kind{host.Regular, host.Directory} {
		for bits := range uint32(0o10000) {
			m := Exactly(kind, bits)
			if err := m.Check(); err != nil {
				t.Fatalf("%v %04o: %s: %v", kind, bits, m, err)
			}
			if got := m.Of(kind, 0o7777&^bits); got != bits {
				t.Fatalf("%v %04o: %s gives %04o", kind, bits, m, got)
			}
		}
	}
}
