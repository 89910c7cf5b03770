package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	inboundAgents    = 10 // all in one namespace
	inboundToken     = "0123456789abcdef0123456789abcdef"
	recordsOfABatch  = 500
	batchConnections = 4
	knownIDs         = 10_000_000
	enoughMoney      = "1000000"

	minBatchRecords  = 200_000 // a second, with knownIDs known
	maxSlowerKnown   = 1.5     // with none known over with knownIDs known: "not slower by more than a third"
	minSingleRecords = 20_000
	minAdmissions    = 15_000
	minOfHello       = 0.3
	maxAdmissionP99  = 2  // ms at admissionPace
	maxCheckpointP99 = 50 // ms at recordPace
	maxRecordStopP99 = 50 // ms
	admissionPace    = 5_000
	recordPace       = 100_000
)

// What the operator takes in itself: call records and admissions, over TLS, durable before they are answered.
type inboundTarget struct {
	bench          *bench
	address, token string
	process        *process
	id             atomic.Int64 // of the last record
}

func measureInbound(b *bench) error {
	long, known := 10*time.Second, int64(knownIDs)
	if b.settings.quick {
		long, known = 3*time.Second, knownIDs/10
	}
	target, err := b.startInbound()
	if err != nil {
		return err
	}
	for _, measure := range []func(*inboundTarget, time.Duration, int64) error{
		measureHello, measureRecords, measureAdmissions, measureRecordThatStops,
	} {
		if err := measure(target, long, known); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startInbound() (*inboundTarget, error) {
	index := func(i int) int { return i * namespaceCount } // all in namespaceOf(0)
	wide := func(i int) map[string]any {
		of := budget(0, enoughMoney)
		of["metadata"].(map[string]any)["name"] = fmt.Sprintf("wide-%d", i)
		scope := map[string]any{"pools": []any{"*"}}
		if i == 1 {
			scope["per"] = "Agent"
		}
		of["spec"].(map[string]any)["scope"] = scope
		return of
	}
	err := errors.Join(
		b.makeNamespaces(),
		b.create(deployments, inboundAgents, func(i int) map[string]any { return deployment(index(i), 4) }),
		b.create(pools, inboundAgents, func(i int) map[string]any { return pool(index(i)) }),
		b.create(budgets, inboundAgents, func(i int) map[string]any { return budget(index(i), enoughMoney) }),
		b.create(budgets, 2, wide))
	if err != nil {
		return nil, err
	}
	certificate, key, err := writeCertificate(b.settings.directory)
	if err != nil {
		return nil, err
	}
	port, err1 := freePort()
	metricsPort, err2 := freePort()
	tokens := filepath.Join(b.settings.directory, "tokens.yaml")
	err3 := os.WriteFile(tokens, fmt.Appendf(nil, "tokens: [{name: bench, token: %s, namespaces: [%s], rights: [agentusages, agentadmissions]}]\n",
		inboundToken, namespaceOf(0)), 0o600)
	config := filepath.Join(b.settings.directory, "inbound.yaml")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	err4 := os.WriteFile(config, fmt.Appendf(nil, `apiVersion: config.purser.dev/v1alpha1
kind: OperatorConfig
server: {address: %q, metricsAddress: "127.0.0.1:%d", tokensFile: %q, tls: {certFile: %q, keyFile: %q}}
leaderElection: {enabled: false}
store: {type: SQLite, path: %q}
sources: [{name: default, usage: true}]
`, address, metricsPort, tokens, certificate, key, filepath.Join(b.settings.directory, "inbound.db")), 0o644)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	target := &inboundTarget{bench: b, address: address, token: inboundToken}
	if target.process, err = b.start("inbound", nil, b.settings.purser, "run", "--config", config, "--kubeconfig", b.settings.kubeconfig); err != nil {
		return nil, err
	}
	return target, waitFor("an admission", time.Minute, 100*time.Millisecond, func() (bool, error) {
		one, err := dialCaller(target.address, target.token)
		if err != nil {
			return false, target.process.requireRunning()
		}
		defer one.connection.Close()
		return target.admit(one, time.Now().UnixNano()) == nil, target.process.requireRunning()
	})
}

func (t *inboundTarget) add(figure, unit string, purser float64, max float64) {
	one := row{Figure: figure, Unit: unit, Purser: number(purser)}
	if max > 0 {
		one.Max = number(max)
	}
	t.bench.report.add(one)
}

func lasting(long time.Duration) func(int64, time.Duration) bool {
	return func(_ int64, took time.Duration) bool { return took >= long }
}

// What is asked but not said: nothing is done for it but to read and to answer.
func measureHello(t *inboundTarget, long time.Duration, _ int64) error {
	hello, err := t.drive(64, 0, lasting(long), func(c *caller, _ int64) error {
		status, _, err := c.call("GET", "/v1/hello", "", nil)
		if err == nil && status != 404 {
			err = fmt.Errorf("hello: status %d", status)
		}
		return err
	})
	if err != nil {
		return err
	}
	t.bench.hello = hello.perSecond()
	t.add("hello (404), 64 connections, requests/s", "", hello.perSecond(), 0)
	t.add("its CPU", "µs", hello.cpuOf(1), 0)
	synced, err := appendAndSync(filepath.Join(t.bench.settings.directory, "synced"), recordsOfABatch*250, long/2)
	t.add("append + fdatasync of a batch's bytes, per second", "", synced, 0)
	return err
}

func appendAndSync(path string, size int, long time.Duration) (float64, error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer os.Remove(path)
	defer file.Close()
	block := make([]byte, size)
	began, count := time.Now(), 0
	for ; time.Since(began) < long; count++ {
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(count) / time.Since(began).Seconds(), nil
}

func measureRecords(t *inboundTarget, long time.Duration, known int64) error {
	batches := func(enough func(int64, time.Duration) bool) (load, error) {
		return t.drive(batchConnections, 0, enough, func(c *caller, _ int64) error { return t.post(c, recordsOfABatch) })
	}
	first, err := batches(lasting(long))
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := batches(func(int64, time.Duration) bool { return t.id.Load() >= known }); err != nil {
		return err
	}
	t.bench.report.note("%d records in batches of %d until %d ids were known: %.0f s", t.id.Load(), recordsOfABatch, known, time.Since(began).Seconds())
	then, err := batches(lasting(long))
	if err != nil {
		return err
	}
	none, many := first.perSecond()*recordsOfABatch, then.perSecond()*recordsOfABatch
	million := strconv.FormatInt(known/1_000_000, 10)
	t.add("records/s, batches of 500, no id known", "", none, 0)
	t.addAtLeast("records/s, batches of 500, "+million+" million ids known", many, minBatchRecords)
	t.add("their CPU, each", "µs", then.cpuOf(recordsOfABatch), 0)
	t.add("the first over the second", "", none/many, maxSlowerKnown)
	memory, err := t.process.memory()
	if err != nil {
		return err
	}
	t.add("RSS then", "MiB", memory.rss, 0)
	single, err := t.drive(32, 0, lasting(long), func(c *caller, _ int64) error { return t.post(c, 1) })
	if err != nil {
		return err
	}
	t.addAtLeast("single records/s, 32 connections", single.perSecond(), minSingleRecords)
	t.add("their CPU, each", "µs", single.cpuOf(1), 0)
	t.add("single records, p99", "ms", *quantile(single.latencies, 0.99), 0)
	paced, err := t.drive(16, recordPace/recordsOfABatch, lasting(2*long), func(c *caller, _ int64) error { return t.post(c, recordsOfABatch) })
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("batches at %d records/s, p50", recordPace), "ms", *quantile(paced.latencies, 0.5), 0)
	t.add(fmt.Sprintf("batches at %d records/s, p99", recordPace), "ms", *quantile(paced.latencies, 0.99), maxCheckpointP99)
	return nil
}

func (t *inboundTarget) addAtLeast(figure string, value, least float64) {
	t.bench.report.add(row{Figure: figure, Purser: number(value), Min: number(least)})
}

// Acknowledged, all of them new.
func (t *inboundTarget) post(c *caller, count int) error {
	body := t.records(make([]byte, 0, count*260), count)
	status, answer, err := c.call("POST", "/v1/usage", "application/x-ndjson", body)
	if err != nil {
		return err
	}
	var said struct{ Accepted int }
	if err := json.Unmarshal(answer, &said); err != nil || status != 200 || said.Accepted != count {
		return fmt.Errorf("%d records: status %d: %.300s", count, status, answer)
	}
	return nil
}

func (t *inboundTarget) records(out []byte, count int) []byte {
	at := time.Now().UnixMilli()
	last := t.id.Add(int64(count))
	for id := last - int64(count); id < last; id++ {
		out = fmt.Appendf(out, `{"id":"call-%012d","time":%d,"namespace":%q,"agent":%q,"model":"gpt-5","provider":"openai","task":"t-%d",`+
			`"inputTokens":1000,"outputTokens":100,"costUSD":"0.0001","latencyMs":900,"outcome":"Success"}`+"\n",
			id, at, namespaceOf(0), agentName(int(id%inboundAgents)*namespaceCount), id%50)
	}
	return out
}

func measureAdmissions(t *inboundTarget, long time.Duration, _ int64) error {
	full, err := t.drive(64, 0, lasting(long), t.admit)
	if err != nil {
		return err
	}
	perSecond := 2 * full.perSecond() // asked and settled
	t.addAtLeast("admissions/s, reserve and settle, 64 connections", perSecond, minAdmissions)
	t.add("their CPU, each", "µs", full.cpuOf(2), 0)
	t.bench.report.add(row{Figure: "the same of hello", Purser: number(perSecond / t.bench.hello), Min: number(minOfHello)})
	paced, err := t.drive(64, admissionPace/2, lasting(long), t.admit)
	if err != nil {
		return err
	}
	half := slices.Clone(paced.latencies)
	for i := range half {
		half[i] /= 2
	}
	t.add(fmt.Sprintf("at %d/s, mean of the two, p50", admissionPace), "ms", *quantile(half, 0.5), 0)
	t.add(fmt.Sprintf("at %d/s, mean of the two, p99", admissionPace), "ms", *quantile(half, 0.99), maxAdmissionP99)
	return nil
}

// Asks, and settles what was allowed.
func (t *inboundTarget) admit(c *caller, number int64) error {
	agent := agentName(int(number%inboundAgents) * namespaceCount)
	ask := fmt.Appendf(nil, `{"key":"ask-%d-%d","namespace":%q,"agent":%q,"model":"gpt-5","estimateUSD":"0.001"}`,
		number, time.Now().UnixNano(), namespaceOf(0), agent)
	status, answer, err := c.call("POST", "/v1/admissions", "application/json", ask)
	if err != nil {
		return err
	}
	var said struct{ Decision, ID string }
	if err := json.Unmarshal(answer, &said); err != nil || status != 200 || said.Decision != "Allow" {
		return fmt.Errorf("admission of %s: status %d: %.300s", agent, status, answer)
	}
	status, answer, err = c.call("POST", "/v1/admissions/"+said.ID+"/settle", "application/json",
		[]byte(`{"costUSD":"0.0001","inputTokens":100,"outputTokens":10,"latencyMs":900,"outcome":"Success"}`))
	if err == nil && status != 200 {
		err = fmt.Errorf("settling: status %d: %.300s", status, answer)
	}
	return err
}

// From the answer to a record that crosses its budget to 0 replicas at the API server.
func measureRecordThatStops(t *inboundTarget, _ time.Duration, _ int64) error {
	crossings := 50
	if t.bench.settings.quick {
		crossings = 12
	}
	begin := inboundAgents // whose agents have spent nothing
	index := func(i int) int { return (begin + i) * namespaceCount }
	err := errors.Join(
		t.bench.create(deployments, crossings, func(i int) map[string]any { return deployment(index(i), 4) }),
		t.bench.create(pools, crossings, func(i int) map[string]any {
			one := pool(index(i))
			one["spec"].(map[string]any)["scaling"] = map[string]any{"drainSeconds": int64(0)}
			return one
		}),
		t.bench.create(budgets, crossings, func(i int) map[string]any { return budget(index(i), "10") }))
	if err != nil {
		return err
	}
	watch, err := t.bench.watch(deployments)
	if err != nil {
		return err
	}
	defer watch.stop()
	one, err := dialCaller(t.address, t.token)
	if err != nil {
		return err
	}
	defer one.connection.Close()
	time.Sleep(3 * time.Second) // until all are known and written
	var latencies []float64
	for i := range crossings {
		agent := agentName(index(i))
		body := fmt.Appendf(nil, `{"id":"crossing-%d","time":%d,"namespace":%q,"agent":%q,"costUSD":"11"}`+"\n",
			i, time.Now().UnixMilli(), namespaceOf(0), agent)
		status, answer, err := one.call("POST", "/v1/usage", "application/x-ndjson", body)
		acknowledged := time.Now()
		if err != nil || status != 200 {
			return fmt.Errorf("crossing: status %d %s: %w", status, answer, err)
		}
		stopped, err := watch.waitReplicas(namespaceOf(0), agent, 0, editDeadline)
		if err != nil {
			return err
		}
		latencies = append(latencies, milliseconds(stopped.Sub(acknowledged)))
		time.Sleep(50 * time.Millisecond)
	}
	t.add("record that crosses acknowledged -> replicas 0, p50", "ms", *quantile(latencies, 0.5), 0)
	t.add("record that crosses acknowledged -> replicas 0, p99", "ms", *quantile(latencies, 0.99), maxRecordStopP99)
	return nil
}
