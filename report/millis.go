package report

import (
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

// Seconds writes milliseconds in seconds, as JUnit and Prometheus have times.
func Seconds(ms float64) string { return strconv.FormatFloat(math.Round(ms*1000)/1e6, 'f', -1, 64) }
