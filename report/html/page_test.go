package html

import (
	"testing"
)

func TestShots(t *testing.T) {
	for name, r := range map[string]int{"10": 10, "10000": 10000} {
		rep := ten()
		if r > 10 {
			rep = many(r)
		}
		b := open(t, rep, 1280, 800)
		for _, dark := range []bool{false, true} {
			b.dark(dark)
			for _, v := range []string{"1", "2", "3"} {
				b.press(v)
				s := "light"
				if dark {
					s = "dark"
				}
				b.screenshot(name + "-" + s + "-" + v)
			}
		}
		if len(b.bad) > 0 {
			t.Error(b.bad)
		}
	}
}
