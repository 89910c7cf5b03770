package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const costMetric = "agent_cost_usd_total"

// A stand-in for the proxy that meters the agents: one counter of dollars per series, served to Prometheus.
type exporter struct {
	address string
	mutex   sync.Mutex
	series  []string // name{labels}
	dollars []float64
}

func startExporter() (*exporter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &exporter{address: listener.Addr().String()}
	go func() { _ = http.Serve(listener, http.HandlerFunc(e.serve)) }()
	return e, nil
}

func (e *exporter) serve(response http.ResponseWriter, _ *http.Request) {
	var out strings.Builder
	out.WriteString("# TYPE " + costMetric + " counter\n")
	e.mutex.Lock()
	for i, series := range e.series {
		out.WriteString(series + " " + strconv.FormatFloat(e.dollars[i], 'f', -1, 64) + "\n")
	}
	e.mutex.Unlock()
	response.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = response.Write([]byte(out.String()))
}

// Adds the series of agent `i` with that model, and returns its number.
func (e *exporter) add(i int, model string, dollars float64) int {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.series = append(e.series, fmt.Sprintf("%s{namespace=%q,agent=%q,model=%q}", costMetric, namespaceOf(i), agentName(i), model))
	e.dollars = append(e.dollars, dollars)
	return len(e.series) - 1
}

func (e *exporter) spend(series int, dollars float64) {
	e.mutex.Lock()
	e.dollars[series] += dollars
	e.mutex.Unlock()
}
