package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// One line of the table. Beside is what was measured in the same run; nil where there is no such side.
type row struct {
	Figure   string   `json:"figure"`
	Unit     string   `json:"unit"`
	Purser   *float64 `json:"purser"`
	Beside   *float64 `json:"beside"`
	MaxRatio float64  `json:"maxRatio,omitempty"` // target: Purser/Beside at most this
	Max      *float64 `json:"max,omitempty"`      // target: Purser at most this
	Min      *float64 `json:"min,omitempty"`      // target: Purser at least this
}

type report struct {
	Rows  []row    `json:"rows"`
	Notes []string `json:"notes"`
}

func (r *report) add(row row) {
	r.Rows = append(r.Rows, row)
	text := func(value *float64) string {
		if value == nil {
			return "-"
		}
		return fmt.Sprintf("%.4g", *value)
	}
	say("  %s: %s %s, beside %s", row.Figure, text(row.Purser), row.Unit, text(row.Beside))
}

func (r *report) note(format string, arguments ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, arguments...))
	say("  "+format, arguments...)
}

func say(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", arguments...)
}

func number(value float64) *float64 { return &value }

// The smallest value that at least the share `q` of all does not exceed (nearest rank).
func quantile(values []float64, q float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return number(sorted[max(rank, 0)])
}

func milliseconds(duration time.Duration) float64 { return float64(duration.Nanoseconds()) / 1e6 }
