package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What is measured: the operator, or the yardstick beside it. One instance may start many times.
type side struct {
	name    string
	address string // of /metrics
	launch  func(*side) (*process, error)
	// Whether everything the objects ask for has been done, as its own metrics tell.
	reconciled func(metrics) bool
	process    *process
}

// A scrape costs what it measures, so scrapes may take at most this share of a processor.
const scrapeShare = 0.1

const (
	startDeadline = 5 * time.Minute
	steadyFor     = 300 * time.Millisecond
)

type startFigures struct {
	reconciled time.Duration // process started -> all reconciled
	cpu        float64       // seconds up to there
	memory     memory        // at that moment
}

// Starts the program and waits until all is reconciled: the first moment from which on it stays so.
func (b *bench) startSide(s *side) (startFigures, error) {
	process, err := s.launch(s)
	if err != nil {
		return startFigures{}, err
	}
	s.process = process
	var figures startFigures
	var since time.Time
	end := time.Now().Add(startDeadline)
	for {
		began := time.Now()
		if began.After(end) {
			return figures, fmt.Errorf("%s has not reconciled everything within %v", s.name, startDeadline)
		}
		if err := process.requireRunning(); err != nil {
			return figures, err
		}
		now, err := scrape(s.address)
		took := time.Since(began)
		switch {
		case err != nil || !s.reconciled(now):
			since = time.Time{}
		case since.IsZero():
			since = began
			figures.reconciled = since.Sub(process.started)
			if figures.cpu, err = process.cpuSeconds(); err != nil {
				return figures, err
			}
			if figures.memory, err = process.memory(); err != nil {
				return figures, err
			}
		case time.Since(since) >= steadyFor:
			return figures, nil
		}
		time.Sleep(max(5*time.Millisecond, time.Duration(float64(took)/scrapeShare)))
	}
}

func (b *bench) stopSide(s *side) {
	if s.process != nil {
		b.stop(s.process)
		s.process = nil
	}
}

func (b *bench) yardstickSide(configMapCount int) (*side, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &side{name: "yardstick", address: fmt.Sprintf("127.0.0.1:%d", port)}
	s.launch = func(s *side) (*process, error) {
		return b.start(s.name, []string{"KUBECONFIG=" + b.settings.kubeconfig}, b.settings.yardstick, "--metrics", s.address)
	}
	s.reconciled = func(m metrics) bool {
		done, _ := m.sum("controller_runtime_reconcile_total", `controller="configmap"`)
		depth, known := m.sum("workqueue_depth")
		active, _ := m.sum("controller_runtime_active_workers")
		return known && depth == 0 && active == 0 && done >= float64(configMapCount)
	}
	return s, nil
}

type purserOptions struct {
	budgets, pools int
	source         *prometheusServer
	scrapeInterval time.Duration
	pollInterval   time.Duration
	leaderElection bool
}

func (b *bench) purserSide(options purserOptions) (*side, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &side{name: "purser", address: fmt.Sprintf("127.0.0.1:%d", port)}
	config := filepath.Join(b.settings.directory, "purser.yaml")
	text := fmt.Sprintf(`apiVersion: config.purser.dev/v1alpha1
kind: OperatorConfig
server: {metricsAddress: %q}
leaderElection: {enabled: %t, namespace: %s, leaseName: purser}
store: {type: SQLite, path: %q}
sources:
- name: default
  prometheus:
    url: "http://%s"
    metric: %s
    scrapeInterval: %dms
    interval: %dms
`, s.address, options.leaderElection, namespaceOf(0), filepath.Join(b.settings.directory, "ledger.db"),
		options.source.address, costMetric, options.scrapeInterval.Milliseconds(), options.pollInterval.Milliseconds())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s.launch = func(s *side) (*process, error) {
		return b.start(s.name, nil, b.settings.purser, "run", "--config", config, "--kubeconfig", b.settings.kubeconfig)
	}
	s.reconciled = func(m metrics) bool {
		budgets, _ := m.sum("purser_reconcile_duration_seconds_count", `controller="agentbudget"`)
		pools, _ := m.sum("purser_reconcile_duration_seconds_count", `controller="agentpool"`)
		depth, known := m.sum("purser_queue_depth")
		healthy, _ := m.sum("purser_source_healthy")
		return known && depth == 0 && healthy == 1 &&
			budgets >= float64(options.budgets) && pools >= float64(options.pools)
	}
	return s, nil
}

type idleFigures struct {
	cpuPerMinute float64
	requests     map[string]float64 // per minute, by "verb resource"
	writes       float64            // per minute, without Leases
	memory       memory             // at the end
}

// What one program does while nothing changes. Nothing else may talk to the API server meanwhile, but the
// API server itself, whose own requests are not counted.
func (b *bench) measureIdle(s *side, window time.Duration) (idleFigures, error) {
	figures := idleFigures{requests: map[string]float64{}}
	before, err := b.apiServerMetrics()
	if err != nil {
		return figures, err
	}
	cpuBefore, err := s.process.cpuSeconds()
	if err != nil {
		return figures, err
	}
	time.Sleep(window)
	if err := s.process.requireRunning(); err != nil {
		return figures, err
	}
	cpuAfter, err := s.process.cpuSeconds()
	if err != nil {
		return figures, err
	}
	if figures.memory, err = s.process.memory(); err != nil {
		return figures, err
	}
	after, err := b.apiServerMetrics()
	if err != nil {
		return figures, err
	}
	minutes := window.Minutes()
	figures.cpuPerMinute = (cpuAfter - cpuBefore) / minutes
	figures.requests, figures.writes = requestsBetween(before, after, minutes)
	return figures, nil
}
