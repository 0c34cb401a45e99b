package report

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Millis is d in milliseconds, as reports have times: two decimals are enough of what may be thousands of numbers.
func Millis(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// Duration is the time of so many milliseconds.
func Duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// Took writes milliseconds as people read durations: three digits are enough.
func Took(ms float64) string {
	d := Duration(ms)
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		d = d.Round(time.Millisecond)
	default:
		return fmt.Sprintf("%.2gms", ms)
	}
	return d.String()
}

// Seconds writes milliseconds in seconds, as JUnit and Prometheus have times.
func Seconds(ms float64) string { return strconv.FormatFloat(math.Round(ms*1000)/1e6, 'f', -1, 64) }
