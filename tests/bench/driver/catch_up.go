package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	catchUpAgents    = 400 // as many as are told by name while no pool has them
	catchUpModels    = 25
	catchUpScrape    = 15 * time.Second
	catchUpSpends    = 4                // every so many scrapes, that is once a minute
	catchUpPart      = 30 * time.Minute // of history in one request; Prometheus takes nothing an hour behind its newest
	catchUpSpend     = 0.01             // dollars of a series each time
	maxCatchUp       = 120              // seconds, for a day
	seriesOfARequest = 1000
)

// A first start with a day of history to read: 10,000 series, each spending once a minute.
func measureCatchUp(b *bench) error {
	history := 24 * time.Hour
	if b.settings.quick {
		history = 3 * time.Hour
	}
	prometheus, err := b.startEmptyPrometheus("--web.enable-remote-write-receiver")
	if err != nil {
		return err
	}
	end := time.Now().Truncate(catchUpScrape)
	say("writing %v of history", history)
	series, truth, err := writeHistory(prometheus, end.Add(-history), end)
	if err != nil {
		return err
	}
	purser, err := b.purserSide(purserOptions{
		source: prometheus, scrapeInterval: catchUpScrape, pollInterval: catchUpScrape, backfill: history,
	})
	if err != nil {
		return err
	}
	if purser.process, err = purser.launch(purser); err != nil {
		return err
	}
	// Scraping goes on meanwhile, as it does: a source without new samples is told as stale, never as read.
	ended := make(chan struct{})
	defer close(ended)
	go scrapeOn(prometheus, end, history, ended)
	samples := float64(series) * float64(history/catchUpScrape)
	err = waitFor("the source to be read to its end", 10*time.Minute, 200*time.Millisecond, func() (bool, error) {
		now, err := scrape(purser.address)
		healthy, _ := now.sum("purser_source_healthy")
		return err == nil && healthy == 1, purser.process.requireRunning()
	})
	if err != nil {
		return err
	}
	took := time.Since(purser.process.started).Seconds()
	cpu, err1 := purser.process.cpuSeconds()
	peak, err2 := purser.process.highestRSS()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	b.report.note("%d series, each spending once a minute, scraped every %v: %.1f million samples", series, catchUpScrape, samples/1e6)
	caughtUp := row{Figure: fmt.Sprintf("first start -> %v read", history), Unit: "s", Purser: number(took)}
	if !b.settings.quick {
		caughtUp.Max = number(maxCatchUp)
	}
	b.report.add(caughtUp)
	b.report.add(row{Figure: "CPU to that point", Unit: "s", Purser: number(cpu)})
	b.report.add(row{Figure: "CPU per million samples", Unit: "s", Purser: number(cpu / samples * 1e6)})
	b.report.add(row{Figure: "RSS at its highest", Unit: "MiB", Purser: number(peak)})
	return waitFor("all of what was spent", time.Minute, time.Second, func() (bool, error) {
		now, err := scrape(purser.address)
		if err != nil {
			return false, err
		}
		total, _ := now.sum("purser_unclaimed_spend_usd_total")
		return total > truth-1e-6 && total < truth+1e-6, nil
	})
}

// The number of series, and the dollars that were spent after the first sample.
func writeHistory(prometheus *prometheusServer, begin, end time.Time) (int, float64, error) {
	steps := int(end.Sub(begin)/catchUpScrape) + 1
	part := int(catchUpPart / catchUpScrape)
	for first := 0; first < steps; first += part {
		last := min(first+part, steps)
		err := writeSamples(prometheus, func(request *remoteWrite) {
			for step := first; step < last; step++ {
				request.sample(float64(step/catchUpSpends)*catchUpSpend, begin.Add(time.Duration(step)*catchUpScrape))
			}
		})
		if err != nil {
			return 0, 0, err
		}
	}
	count := catchUpAgents * catchUpModels
	return count, float64((steps-1)/catchUpSpends) * catchUpSpend * float64(count), nil
}

// Every series stays as it was at the end of the history, scrape after scrape, until it is ended.
func scrapeOn(prometheus *prometheusServer, end time.Time, history time.Duration, ended <-chan struct{}) {
	stays := float64(int(history/catchUpScrape)/catchUpSpends) * catchUpSpend
	for at := end.Add(catchUpScrape); ; at = at.Add(catchUpScrape) {
		select {
		case <-ended:
			return
		case <-time.After(time.Until(at)):
		}
		if err := writeSamples(prometheus, func(request *remoteWrite) { request.sample(stays, at) }); err != nil {
			say("scraping on: %v", err)
		}
	}
}

// The same samples of every series.
func writeSamples(prometheus *prometheusServer, samples func(*remoteWrite)) error {
	perRequest := seriesOfARequest / catchUpModels
	for agent := 0; agent < catchUpAgents; agent += perRequest {
		var request remoteWrite
		for i := agent; i < min(agent+perRequest, catchUpAgents); i++ {
			for model := range catchUpModels {
				request.beginSeries([][2]string{
					{"__name__", costMetric}, {"agent", agentName(i)}, {"instance", "gateway:4000"}, {"job", "gateway"},
					{"model", fmt.Sprintf("model-%d", model)}, {"namespace", namespaceOf(i)},
				})
				samples(&request)
				request.endSeries()
			}
		}
		if err := request.send("http://" + prometheus.address + "/api/v1/write"); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startEmptyPrometheus(flags ...string) (*prometheusServer, error) {
	config := filepath.Join(b.settings.directory, "prometheus.yaml")
	return b.runPrometheus(config, "{}\n", flags...)
}
