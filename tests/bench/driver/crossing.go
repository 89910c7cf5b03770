package main

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	crossingPoll    = time.Second
	crossingScrape  = 1100 * time.Millisecond // not the polls' period: else all crossings meet the same phase
	crossingLimit   = "10"
	crossingSpent   = 5.0 // before
	crossingJump    = 5.5 // over the limit
	readEvery       = 4 * time.Millisecond
	toleratedMillis = 150 // beyond the poll interval
)

// From the moment the sample that crosses 100 % can be read from Prometheus to replicas 0 at the API server.
func measureCrossing(b *bench) error {
	crossings := 50
	if b.settings.quick {
		crossings = 12
	}
	spending, err := startExporter()
	if err != nil {
		return err
	}
	err = errors.Join(
		b.makeNamespaces(),
		b.create(deployments, crossings, func(i int) map[string]any { return deployment(i, 4) }),
		b.create(pools, crossings, pool),
		b.create(budgets, crossings, func(i int) map[string]any { return budget(i, crossingLimit) }))
	if err != nil {
		return err
	}
	series := make([]int, crossings)
	for i := range series {
		series[i] = spending.add(i, "model", crossingSpent)
	}
	prometheus, err := b.startPrometheus(spending, crossingScrape)
	if err != nil {
		return err
	}
	purser, err := b.purserSide(purserOptions{
		budgets: crossings, pools: crossings, source: prometheus, scrapeInterval: crossingScrape, pollInterval: crossingPoll,
	})
	if err != nil {
		return err
	}
	if _, err := b.startSide(purser); err != nil {
		return err
	}
	err = waitFor("spend on the ledger", time.Minute, 100*time.Millisecond, func() (bool, error) {
		now, err := scrape(purser.address)
		total, _ := now.sum("purser_budget_spent_usd")
		return total == crossingSpent*float64(crossings), err
	})
	if err != nil {
		return err
	}
	watch, err := b.watch(deployments)
	if err != nil {
		return err
	}
	defer watch.stop()
	var latencies []float64
	for i := range crossings {
		// At any phase of the scrapes and polls.
		time.Sleep(time.Duration(rand.Int64N(int64(crossingPoll))))
		spending.spend(series[i], crossingJump)
		readable, err := prometheus.waitReadable(agentName(i), crossingSpent+crossingJump)
		if err != nil {
			return err
		}
		stopped, err := watch.waitReplicas(namespaceOf(i), agentName(i), 0, editDeadline)
		if err != nil {
			return err
		}
		latencies = append(latencies, milliseconds(stopped.Sub(readable)))
	}
	b.report.note("%d crossings one after another, scraped every %v, polled every %v", crossings, crossingScrape, crossingPoll)
	b.report.add(row{Figure: "crossing readable -> replicas 0, p50", Unit: "ms", Purser: quantile(latencies, 0.5)})
	b.report.add(row{Figure: "crossing readable -> replicas 0, p99", Unit: "ms", Purser: quantile(latencies, 0.99),
		Max: number(milliseconds(crossingPoll) + toleratedMillis)})
	b.report.add(row{Figure: "crossing readable -> replicas 0, longest", Unit: "ms", Purser: quantile(latencies, 1)})
	return nil
}

// The last moment at which the value could not be read yet: the earlier bound, so that latencies are never
// reported shorter than they are.
func (p *prometheusServer) waitReadable(agent string, dollars float64) (time.Time, error) {
	var unreadable time.Time
	err := waitFor("a sample of "+agent, 10*time.Second, readEvery, func() (bool, error) {
		asked := time.Now()
		value, known, err := p.value(costMetric + `{agent="` + agent + `"}`)
		if known && value >= dollars {
			return true, err
		}
		unreadable = asked
		return false, err
	})
	return unreadable, err
}
