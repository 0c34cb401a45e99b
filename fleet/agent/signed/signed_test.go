package signed

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestForgottenNoncesAreOld(t *testing.T) {
	now := time.Now()
	j := &Judge{Now: func() time.Time { return now }, seen: map[string]time.Time{}}
	for i := range maxNonces {
		j.seen[strconv.Itoa(i)] = now.Add(time.Minute)
	}
	if err := j.once("new", now); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("want the limit, got %v", err)
	}
	if err := j.once("new", now.Add(2*time.Minute)); err != nil {
		t.Error(err)
	}
}
