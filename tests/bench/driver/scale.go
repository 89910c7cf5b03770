package main

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	scaleObjects    = 1000 // budgets, pools, Deployments, agents
	modelsPerAgent  = 10   // series of each agent
	scalePoll       = 15 * time.Second
	scaleSpent      = 0.1 // dollars of each series before
	maxScaleRSS     = 40
	maxColdStart    = 3
	perPollSpending = 0.001
)

// A thousand budgets over ten thousand series: what it costs to start, to idle, and to watch money being spent.
func measureScale(b *bench) error {
	idleWindow, spendingWindow := 90*time.Second, 90*time.Second
	if b.settings.quick {
		idleWindow, spendingWindow = 30*time.Second, 30*time.Second
	}
	spending, err := startExporter()
	if err != nil {
		return err
	}
	err = errors.Join(
		b.makeNamespaces(),
		b.create(deployments, scaleObjects, func(i int) map[string]any { return deployment(i, 1) }),
		b.create(pools, scaleObjects, pool),
		b.create(budgets, scaleObjects, func(i int) map[string]any { return budget(i, "1000") }))
	if err != nil {
		return err
	}
	for i := range scaleObjects {
		for model := range modelsPerAgent {
			spending.add(i, fmt.Sprintf("model-%d", model), scaleSpent)
		}
	}
	prometheus, err := b.startPrometheus(spending, scalePoll)
	if err != nil {
		return err
	}
	err = waitFor("the first scrape", 2*scalePoll, 100*time.Millisecond, func() (bool, error) {
		count, known, err := prometheus.value("count(" + costMetric + ")")
		return known && count == scaleObjects*modelsPerAgent, err
	})
	if err != nil {
		return err
	}
	purser, err := b.purserSide(purserOptions{
		budgets: scaleObjects, pools: scaleObjects, source: prometheus,
		scrapeInterval: scalePoll, pollInterval: scalePoll, leaderElection: true,
	})
	if err != nil {
		return err
	}
	if err := b.measureColdStarts(purser); err != nil {
		return err
	}
	b.report.note("%d budgets, pools and Deployments, %d series, scraped and polled every %v, with a Lease",
		scaleObjects, scaleObjects*modelsPerAgent, scalePoll)
	time.Sleep(2 * scalePoll) // statuses that wait for their minute, the first polls
	if err := b.measurePolls(purser, prometheus, "idle", idleWindow); err != nil {
		return err
	}
	stop := make(chan struct{})
	defer close(stop)
	go spending.spendEvery(scalePoll/2, stop)
	return b.measurePolls(purser, prometheus, "while all agents spend", spendingWindow)
}

// The very first start, which writes every status, and a restart, which writes none.
func (b *bench) measureColdStarts(purser *side) error {
	var err error
	watches := map[string]*objectWatch{}
	for _, resource := range []schema.GroupVersionResource{budgets, pools} {
		watch, err := b.watch(resource)
		if err != nil {
			return err
		}
		defer watch.stop()
		watches[resource.Resource] = watch
	}
	hasStatus := func(object *unstructured.Unstructured) bool {
		_, found, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		return found
	}
	if purser.process, err = purser.launch(purser); err != nil {
		return err
	}
	err = waitFor("every budget and pool", time.Minute, 50*time.Millisecond, func() (bool, error) {
		now, err := scrape(purser.address)
		return err == nil && purser.acted(now), purser.process.requireRunning()
	})
	if err != nil {
		return err
	}
	b.report.add(row{Figure: "first start -> all reconciled", Unit: "s",
		Purser: number(time.Since(purser.process.started).Seconds()), Max: number(maxColdStart)})
	var lastStatus time.Time
	err = waitFor("every status", time.Minute, 50*time.Millisecond, func() (bool, error) {
		for _, watch := range watches {
			count, last, err := watch.count(hasStatus)
			if err != nil || count < scaleObjects {
				return false, err
			}
			if last.After(lastStatus) {
				lastStatus = last
			}
		}
		return true, purser.process.requireRunning()
	})
	if err != nil {
		return err
	}
	b.report.add(row{Figure: "-> every status written, in the background", Unit: "s",
		Purser: number(lastStatus.Sub(purser.process.started).Seconds())})
	b.stopSide(purser)
	again, err := b.startSide(purser)
	if err != nil {
		return err
	}
	b.report.add(row{Figure: "restart -> all reconciled", Unit: "s", Purser: number(again.reconciled.Seconds()), Max: number(maxColdStart)})
	b.report.add(row{Figure: "CPU to that point", Unit: "s", Purser: number(again.cpu)})
	return nil
}

func (b *bench) measurePolls(purser *side, prometheus *prometheusServer, when string, window time.Duration) error {
	queries := func() (float64, error) {
		now, err := scrape(prometheus.address)
		total, _ := now.sum("prometheus_http_requests_total", `handler="/api/v1/query"`)
		return total, err
	}
	polls := func() (float64, error) {
		now, err := scrape(purser.address)
		total, _ := now.sum("purser_polls_total")
		return total, err
	}
	queriesBefore, err1 := queries()
	pollsBefore, err2 := polls()
	figures, err3 := b.measureIdle(purser, window)
	queriesAfter, err4 := queries()
	pollsAfter, err5 := polls()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	pollCount := pollsAfter - pollsBefore
	if pollCount == 0 {
		return fmt.Errorf("no poll within %v", window)
	}
	title := func(figure string) string { return figure + ", " + when }
	memory := row{Figure: title("RSS"), Unit: "MiB", Purser: number(figures.memory.rss), Max: number(maxScaleRSS)}
	b.report.add(memory)
	b.report.add(row{Figure: title("PSS"), Unit: "MiB", Purser: number(figures.memory.pss)})
	writes := row{Figure: title("API writes per minute, without the Lease"), Unit: "", Purser: number(figures.writes)}
	if when == "idle" {
		writes.Max = number(0)
	}
	b.report.add(writes)
	b.report.add(row{Figure: title("Prometheus queries per poll"), Unit: "",
		Purser: number((queriesAfter - queriesBefore) / pollCount), Max: number(1)})
	b.report.add(row{Figure: title("CPU per minute"), Unit: "s", Purser: number(figures.cpuPerMinute)})
	b.report.add(row{Figure: title("CPU per poll, all else included"), Unit: "ms",
		Purser: number(figures.cpuPerMinute * window.Minutes() * 1000 / pollCount)})
	if len(figures.requests) > 0 {
		b.report.note("%s, asked the API server per minute: %v", when, figures.requests)
	}
	return nil
}

// Every series grows a little, all the time.
func (e *exporter) spendEvery(interval time.Duration, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(interval):
		}
		e.mutex.Lock()
		for i := range e.dollars {
			e.dollars[i] += perPollSpending
		}
		e.mutex.Unlock()
	}
}
