package flagvalue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestDuration(t *testing.T) {
	const none = -1
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0": 0, "5": 5 * time.Second, "0s": 0,
		"-1s": none, "-5": none, "": none, "soon": none, "5 m": none, "1e3": none, "99999999999999": none, "9999999h": none,
	} {
		t.Run(text, func(t *testing.T) {
			var d Duration
			err := d.Set(text)
			got := time.Duration(d)
			if err != nil {
				got = none
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDurationIsWrittenShort(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "90": "1m30s", "600s": "10m", "2h": "2h", "90m": "1h30m", "20s": "20s", "1h0m10s": "1h0m10s"} {
		t.Run(text, func(t *testing.T) {
			var d Duration
			if err := d.Set(text); err != nil || d.String() != want {
				t.Errorf("want %s, got %s, %v", want, &d, err)
			}
		})
	}
}

func TestCount(t *testing.T) {
	for text, want := range map[string]Count{"1": 1, "64": 64, "0": 0, "-3": 0, "many": 0, "": 0} {
		t.Run(text, func(t *testing.T) {
			var c Count
			if err := c.Set(text); (err == nil) != (want > 0) || c != want {
				t.Errorf("%d, %v", c, err)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	for text, want := range map[string]string{"": "dot", "svg": "svg", "JSON": "json", "png": "want dot, svg or json"} {
		t.Run(text, func(t *testing.T) {
			var got string
			cmd := &cobra.Command{}
			Choose(cmd, cmd.Flags(), &got, "format", "", "dot", "svg", "json")
			if text != "" {
				if err := cmd.Flags().Lookup("format").Value.Set(text); err != nil {
					got = err.Error()
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
