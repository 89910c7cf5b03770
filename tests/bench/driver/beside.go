package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	editedObjects = 20 // on each side, one after another
	editDeadline  = 30 * time.Second
	// The yardstick's client allows itself 20 requests a second: it must not be measured waiting for that.
	pauseBetweenEdits = 60 * time.Millisecond
	alreadySpent      = 3 // dollars of every edited agent
	highLimit         = "10"
	lowLimit          = "2"
)

// The operator and the yardstick on one API server, with equal numbers of watched objects of equal size. Both
// watch all Deployments; the operator also watches budgets and pools, the yardstick as many ConfigMaps.
func measureBeside(b *bench, objects int) error {
	pairs := objects / 3
	deploymentCount := objects - 2*pairs
	configMapCount := 2 * pairs
	b.report.note("watched by the operator: %d AgentBudgets, %d AgentPools, %d Deployments; by the yardstick: %d "+
		"ConfigMaps and the same %d Deployments; in %d namespaces",
		pairs, pairs, deploymentCount, configMapCount, deploymentCount, namespaceCount)
	err := errors.Join(
		b.makeNamespaces(),
		b.create(deployments, deploymentCount, func(i int) map[string]any { return deployment(i, 1) }),
		b.create(configMaps, configMapCount, replicaSetting))
	if err != nil {
		return err
	}
	withPurser := b.settings.purser != ""
	yardstick, err := b.yardstickSide(configMapCount)
	if err != nil {
		return err
	}
	sides := []*side{yardstick}
	if withPurser {
		purser, err := b.preparePurser(pairs)
		if err != nil {
			return err
		}
		sides = []*side{purser, yardstick}
		if err := b.measureFirstStart(purser); err != nil {
			return err
		}
	}
	if err := b.measureStarts(sides); err != nil {
		return err
	}
	if err := b.measureIdles(sides); err != nil {
		return err
	}
	if err := b.measureEdits(pairs, sides); err != nil {
		return err
	}
	return b.noteSizes(withPurser)
}

func (b *bench) noteSizes(withPurser bool) error {
	resources := []schema.GroupVersionResource{configMaps, deployments}
	if withPurser {
		resources = append(resources, budgets, pools)
	}
	sizes := make([]string, 0, len(resources))
	for _, resource := range resources {
		bytes, err := b.meanBytes(resource)
		if err != nil {
			return err
		}
		sizes = append(sizes, fmt.Sprintf("%s %d", resource.Resource, bytes))
	}
	b.report.note("mean bytes of JSON at the API server, status and managedFields included: %s", strings.Join(sizes, ", "))
	return nil
}

// The pools' budgets, and spend on the ledger for those that are edited.
func (b *bench) preparePurser(pairs int) (*side, error) {
	err := errors.Join(
		b.create(pools, pairs, pool),
		b.create(budgets, pairs, func(i int) map[string]any { return budget(i, highLimit) }))
	if err != nil {
		return nil, err
	}
	spending, err := startExporter()
	if err != nil {
		return nil, err
	}
	for i := range editedObjects {
		spending.add(i, "model", alreadySpent)
	}
	prometheus, err := b.startPrometheus(spending, time.Second)
	if err != nil {
		return nil, err
	}
	err = waitFor("the first scrape", 10*time.Second, 50*time.Millisecond, func() (bool, error) {
		count, known, err := prometheus.value("count(" + costMetric + ")")
		return known && count == editedObjects, err
	})
	if err != nil {
		return nil, err
	}
	return b.purserSide(purserOptions{
		budgets: pairs, pools: pairs, source: prometheus, scrapeInterval: time.Second, pollInterval: 15 * time.Second,
	})
}

// Two ConfigMaps name each Deployment, as a budget and a pool do on the other side.
func replicaSetting(i int) map[string]any {
	return padded(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name": settingName(i), "namespace": namespaceOf(i / 2), "labels": map[string]any{"budget": "1"},
		},
		"data": map[string]any{"replicas": "1", "target": agentName(i / 2)},
	})
}

func settingName(i int) string { return fmt.Sprintf("setting-%05d", i) }

// The operator's very first start writes a status to every object; the yardstick has none to write.
func (b *bench) measureFirstStart(purser *side) error {
	first, err := b.startSide(purser)
	if err != nil {
		return err
	}
	b.report.add(row{Figure: "very first start, every status written", Unit: "s", Purser: number(first.reconciled.Seconds())})
	spent := func() (bool, error) {
		now, err := scrape(purser.address)
		total, _ := now.sum("purser_budget_spent_usd")
		return total == alreadySpent*editedObjects, err
	}
	if err := waitFor("spend on the ledger", time.Minute, 100*time.Millisecond, spent); err != nil {
		return err
	}
	b.stopSide(purser)
	return nil
}

// By turns, each alone on the machine but for what they need.
func (b *bench) measureStarts(sides []*side) error {
	rounds := 5
	if b.settings.quick {
		rounds = 2
	}
	seconds, cpu := map[*side][]float64{}, map[*side][]float64{}
	for round := range rounds {
		// Every other round the other way round: the API server collects its garbage about every second list, and
		// would do so always at the start of the same side.
		order := slices.Clone(sides)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			figures, err := b.startSide(s)
			if err != nil {
				return err
			}
			seconds[s] = append(seconds[s], figures.reconciled.Seconds())
			cpu[s] = append(cpu[s], figures.cpu)
			b.stopSide(s)
		}
	}
	median := func(values map[*side][]float64) func(*side) *float64 {
		return func(s *side) *float64 { return quantile(values[s], 0.5) }
	}
	b.add(sides, row{Figure: "start -> all reconciled, median", Unit: "s", MaxRatio: 1}, median(seconds))
	b.add(sides, row{Figure: "CPU to that point, median", Unit: "s"}, median(cpu))
	return nil
}

func (b *bench) measureIdles(sides []*side) error {
	settle, window := 30*time.Second, time.Minute
	if b.settings.quick {
		settle, window = 10*time.Second, 20*time.Second
	}
	idle := map[*side]idleFigures{}
	for _, s := range sides {
		if _, err := b.startSide(s); err != nil {
			return err
		}
		time.Sleep(settle)
		figures, err := b.measureIdle(s, window)
		if err != nil {
			return err
		}
		idle[s] = figures
		if len(figures.requests) > 0 {
			b.report.note("%s, idle, asked the API server per minute: %v", s.name, figures.requests)
		}
		b.stopSide(s)
	}
	b.report.note("idle figures: %v after the start, over %v", settle, window)
	of := func(get func(idleFigures) float64) func(*side) *float64 {
		return func(s *side) *float64 { return number(get(idle[s])) }
	}
	b.add(sides, row{Figure: "idle RSS", Unit: "MiB", MaxRatio: 0.5}, of(func(f idleFigures) float64 { return f.memory.rss }))
	b.add(sides, row{Figure: "idle PSS", Unit: "MiB"}, of(func(f idleFigures) float64 { return f.memory.pss }))
	b.add(sides, row{Figure: "idle CPU per minute", Unit: "s"}, of(func(f idleFigures) float64 { return f.cpuPerMinute }))
	b.add(sides, row{Figure: "idle API requests per minute", Unit: ""}, of(func(f idleFigures) float64 { return f.total() }))
	return nil
}

// One kind of edit: what is changed, and which Deployment must follow.
type edit struct {
	namespace, target string
	down, up          func() error
}

// Both sides run, and are edited by turns: down on one, down on the other, back on one, back on the other.
func (b *bench) measureEdits(pairs int, sides []*side) error {
	edits := 300
	if b.settings.quick {
		edits = 60
	}
	for _, s := range sides {
		if _, err := b.startSide(s); err != nil {
			return err
		}
		defer b.stopSide(s)
	}
	time.Sleep(5 * time.Second) // what a start leaves to do is done
	watch, err := b.watch(deployments)
	if err != nil {
		return err
	}
	defer watch.stop()
	down, up := map[string][]float64{}, map[string][]float64{}
	names := make([]string, 0, len(sides))
	for _, s := range sides {
		names = append(names, s.name)
	}
	if err := b.edit(names, edits, pairs, watch, down, up); err != nil {
		return err
	}
	// Afterwards, for another watch of the budgets would slow the operator's edits down.
	if len(sides) > 1 {
		shortest, err := b.startShortest()
		if err != nil {
			return err
		}
		err = b.edit([]string{shortestName}, edits, pairs, watch, down, map[string][]float64{})
		shortest.stop()
		if err := errors.Join(err, shortest.failure()); err != nil {
			return err
		}
	}
	b.report.note("%d edits on each side, by turns", edits)
	of := func(values map[string][]float64, q float64) func(*side) *float64 {
		return func(s *side) *float64 { return quantile(values[s.name], q) }
	}
	b.noteShortest(down)
	b.add(sides, row{Figure: "update acknowledged -> replicas 0 seen, p50", Unit: "ms", MaxRatio: 1.1}, of(down, 0.5))
	b.add(sides, row{Figure: "update acknowledged -> replicas 0 seen, p99", Unit: "ms", MaxRatio: 1.1}, of(down, 0.99))
	b.add(sides, row{Figure: "update acknowledged -> replicas back, p50", Unit: "ms"}, of(up, 0.5))
	b.add(sides, row{Figure: "update acknowledged -> replicas back, p99", Unit: "ms"}, of(up, 0.99))
	return nil
}

// Edits what each of `names` follows, by turns, and appends how long each took to follow, in milliseconds.
func (b *bench) edit(names []string, edits, pairs int, watch *objectWatch, down, up map[string][]float64) error {
	for i := range edits {
		for _, direction := range []int64{0, 1} {
			for _, name := range names {
				edit := b.editOf(name, i%editedObjects, pairs)
				change, into := edit.down, down
				if direction == 1 {
					change, into = edit.up, up
				}
				if err := change(); err != nil {
					return err
				}
				acknowledged := time.Now()
				seen, err := watch.waitReplicas(edit.namespace, edit.target, direction, editDeadline)
				if err != nil {
					return fmt.Errorf("%s, edit %d: %w", name, i, err)
				}
				into[name] = append(into[name], milliseconds(seen.Sub(acknowledged)))
				time.Sleep(pauseBetweenEdits)
			}
		}
	}
	return nil
}

func (b *bench) editOf(name string, i, pairs int) edit {
	if name != "yardstick" {
		if name == shortestName {
			i += editedObjects // nothing was spent there: the operator lets them be
		}
		change := func(limit string) func() error {
			return func() error {
				return b.mergePatch(budgets, namespaceOf(i), budgetName(i), `{"spec":{"limit":"`+limit+`"}}`)
			}
		}
		return edit{namespaceOf(i), agentName(i), change(lowLimit), change(highLimit)}
	}
	target := pairs - 1 - i // from the other end: no Deployment is edited by both
	change := func(replicas string) func() error {
		return func() error {
			return b.mergePatch(configMaps, namespaceOf(target), settingName(2*target), `{"data":{"replicas":"`+replicas+`"}}`)
		}
	}
	return edit{namespaceOf(target), agentName(target), change("0"), change("1")}
}

// Reports `row` with the value of each side that ran.
func (b *bench) add(sides []*side, row row, value func(*side) *float64) {
	for _, s := range sides {
		if s.name == "purser" {
			row.Purser = value(s)
		} else {
			row.Beside = value(s)
		}
	}
	b.report.add(row)
}

func (f idleFigures) total() float64 {
	total := 0.0
	for _, perMinute := range f.requests {
		total += perMinute
	}
	return total
}
