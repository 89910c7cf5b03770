package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	readersPoll       = 15 * time.Second
	readersPollOfFew  = 5 * time.Second // the same number of samples an answer, in a third of the time
	fewSeries         = 10000
	maxReaderCPURatio = 1.2
	maxReaderRSSRatio = 1.2
	maxReaderRSS      = 250 // MiB, of 100,000 series
)

// The operator's reader beside that of an older operator: both poll one Prometheus at the same time, so whatever
// else the machine does meets both. No budgets: what is measured is reading and booking.
func measureReaders(b *bench, series int) error {
	if b.settings.before == "" {
		return errors.New("--before is missing: the older operator's binary")
	}
	poll, polls, settling := readersPoll, 8, 4
	if series <= fewSeries {
		poll, polls = readersPollOfFew, 24
	}
	if b.settings.quick {
		polls, settling = polls/2, 3
	}
	spending, err := startExporter()
	if err != nil {
		return err
	}
	for i := range series / modelsPerAgent {
		for model := range modelsPerAgent {
			spending.add(i, fmt.Sprintf("model-%d", model), scaleSpent)
		}
	}
	prometheus, err := b.startPrometheus(spending, poll)
	if err != nil {
		return err
	}
	err = waitFor("the first scrape", 3*poll, 100*time.Millisecond, func() (bool, error) {
		count, known, err := prometheus.value("count(" + costMetric + ")")
		return known && count == float64(series), err
	})
	if err != nil {
		return err
	}
	var sides []*side
	for _, program := range []struct{ name, path string }{{"purser", b.settings.purser}, {"before", b.settings.before}} {
		s, err := b.purserSide(purserOptions{
			name: program.name, program: program.path, source: prometheus, scrapeInterval: poll, pollInterval: poll,
		})
		if err != nil {
			return err
		}
		if _, err := b.startSide(s); err != nil {
			return err
		}
		sides = append(sides, s)
	}
	b.report.note("%d series, scraped and polled every %v, both operators at once; CPU is each process's own, all that it "+
		"does included", series, poll)
	time.Sleep(time.Duration(settling) * poll)
	if err := b.measureReading(sides, "nobody spends", poll, polls); err != nil {
		return err
	}
	stop := make(chan struct{})
	defer close(stop)
	go spending.spendEvery(poll/2, stop)
	time.Sleep(2 * poll)
	if err := b.measureReading(sides, "all spend", poll, polls); err != nil {
		return err
	}
	return b.measureReadersMemory(sides, series)
}

func (b *bench) measureReading(sides []*side, when string, poll time.Duration, polls int) error {
	cpu := make([]float64, len(sides))
	for i, s := range sides {
		var err error
		if cpu[i], err = s.process.cpuSeconds(); err != nil {
			return err
		}
	}
	time.Sleep(time.Duration(polls) * poll)
	perPoll := make([]*float64, len(sides))
	for i, s := range sides {
		after, err := s.process.cpuSeconds()
		if err := errors.Join(err, s.process.requireRunning()); err != nil {
			return err
		}
		perPoll[i] = number((after - cpu[i]) * 1000 / float64(polls))
	}
	b.report.add(row{Figure: "CPU per poll, " + when, Unit: "ms", Purser: perPoll[0], Beside: perPoll[1],
		MaxRatio: maxReaderCPURatio})
	return nil
}

func (b *bench) measureReadersMemory(sides []*side, series int) error {
	resident, highest := make([]*float64, len(sides)), make([]*float64, len(sides))
	for i, s := range sides {
		m, err := s.process.memory()
		if err != nil {
			return err
		}
		peak, err := s.process.highestRSS()
		if err != nil {
			return err
		}
		resident[i], highest[i] = number(m.rss), number(peak)
	}
	now := row{Figure: "RSS", Unit: "MiB", Purser: resident[0], Beside: resident[1]}
	peak := row{Figure: "RSS at its highest", Unit: "MiB", Purser: highest[0], Beside: highest[1]}
	if series <= fewSeries {
		now.MaxRatio, peak.MaxRatio = maxReaderRSSRatio, maxReaderRSSRatio
	} else {
		now.Max, peak.Max = number(maxReaderRSS), number(maxReaderRSS)
	}
	b.report.add(now)
	b.report.add(peak)
	return nil
}

// The most memory that was ever resident, in MiB.
func (p *process) highestRSS() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); err == nil {
			return kilobytes / 1024, nil
		}
	}
	return 0, errors.New("no VmHWM in the process's status")
}
