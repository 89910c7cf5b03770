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
	// Whether that is so but for the statuses that are still to be written; nil where there are none.
	acted   func(metrics) bool
	process *process
}

const (
	startDeadline = 5 * time.Minute
	sampleEvery   = 2 * time.Millisecond
	quietFor      = 300 * time.Millisecond
	quietSeconds  = 0.003 // of CPU: what runtimes do for themselves
)

type startFigures struct {
	reconciled time.Duration // process started -> all reconciled
	cpu        float64       // seconds up to there
}

// Starts the program and waits until all is reconciled: it has become quiet, and its metrics say that nothing
// is left to do. They are asked only then, because answering costs what is measured.
func (b *bench) startSide(s *side) (startFigures, error) {
	process, err := s.launch(s)
	if err != nil {
		return startFigures{}, err
	}
	s.process = process
	quiet := startFigures{} // since when, and with how much CPU
	for end := time.Now().Add(startDeadline); time.Now().Before(end); time.Sleep(sampleEvery) {
		if err := process.requireRunning(); err != nil {
			return quiet, err
		}
		cpu, err := process.cpuSeconds()
		if err != nil {
			return quiet, err
		}
		now := time.Since(process.started)
		if cpu > quiet.cpu+quietSeconds {
			quiet = startFigures{now, cpu}
		}
		if now-quiet.reconciled < quietFor {
			continue
		}
		metrics, err := scrape(s.address)
		if err == nil && s.reconciled(metrics) {
			return quiet, nil
		}
		// What the scrape cost must not count as work.
		time.Sleep(quietFor / 10)
		if after, err := process.cpuSeconds(); err == nil {
			quiet = startFigures{time.Since(process.started), after}
		}
	}
	return quiet, fmt.Errorf("%s has not reconciled everything within %v", s.name, startDeadline)
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
	name, program  string // the operator's own where they are empty
	budgets, pools int
	source         *prometheusServer
	scrapeInterval time.Duration
	pollInterval   time.Duration
	leaderElection bool
	backfill       time.Duration // the default where it is 0
}

func (b *bench) purserSide(options purserOptions) (*side, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	name, program := options.name, options.program
	if name == "" {
		name, program = "purser", b.settings.purser
	}
	s := &side{name: name, address: fmt.Sprintf("127.0.0.1:%d", port)}
	config := filepath.Join(b.settings.directory, name+".yaml")
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
`, s.address, options.leaderElection, namespaceOf(0), filepath.Join(b.settings.directory, name+".db"),
		options.source.address, costMetric, options.scrapeInterval.Milliseconds(), options.pollInterval.Milliseconds())
	if options.backfill != 0 {
		text += fmt.Sprintf("    backfill: %ds\n", int(options.backfill.Seconds()))
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s.launch = func(s *side) (*process, error) {
		return b.start(s.name, nil, program, "run", "--config", config, "--kubeconfig", b.settings.kubeconfig)
	}
	s.acted = func(m metrics) bool {
		budgets, _ := m.sum("purser_reconcile_duration_seconds_count", `controller="agentbudget"`)
		pools, _ := m.sum("purser_reconcile_duration_seconds_count", `controller="agentpool"`)
		toEvaluate, known := m.sum("purser_queue_depth", `controller="agentbudget"`)
		toScale, _ := m.sum("purser_queue_depth", `controller="agentpool"`)
		healthy, _ := m.sum("purser_source_healthy")
		return known && toEvaluate+toScale == 0 && healthy == 1 &&
			budgets >= float64(options.budgets) && pools >= float64(options.pools)
	}
	s.reconciled = func(m metrics) bool {
		depth, _ := m.sum("purser_queue_depth")
		return depth == 0 && s.acted(m)
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
