package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// usage is what one call of a model consumes.
type usage struct {
	cost         nanoUSD
	inputTokens  int64
	outputTokens int64
}

// meter counts calls and what they consumed, and shows it in the Prometheus text format. Safe for concurrent use.
type meter struct {
	agent, model string

	mutex    sync.Mutex
	spent    usage
	calls    int64
	heldBack int64
}

func (m *meter) addCall(used usage) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.calls++
	m.spent.cost += used.cost
	m.spent.inputTokens += used.inputTokens
	m.spent.outputTokens += used.outputTokens
}

func (m *meter) addHeldBack() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.heldBack++
}

func (m *meter) total() (nanoUSD, int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.spent.cost, m.calls
}

func (m *meter) write(output io.Writer) error {
	m.mutex.Lock()
	spent, calls, heldBack := m.spent, m.calls, m.heldBack
	m.mutex.Unlock()
	labels := fmt.Sprintf(`agent="%s",model="%s"`, escaped(m.agent), escaped(m.model))
	_, err := fmt.Fprintf(output, `# HELP agent_cost_usd_total Money spent on model calls, in US dollars.
# TYPE agent_cost_usd_total counter
agent_cost_usd_total{%[1]s} %[2]s
# HELP agent_tokens_total Tokens read and written by the model.
# TYPE agent_tokens_total counter
agent_tokens_total{%[1]s,direction="input"} %[3]d
agent_tokens_total{%[1]s,direction="output"} %[4]d
# HELP agent_calls_total Model calls made.
# TYPE agent_calls_total counter
agent_calls_total{%[1]s} %[5]d
# HELP agent_calls_held_back_total Model calls not made because the published limit was 0.
# TYPE agent_calls_held_back_total counter
agent_calls_held_back_total{%[1]s} %[6]d
`, labels, spent.cost, spent.inputTokens, spent.outputTokens, calls, heldBack)
	return err
}

// escaped makes a label value safe in the text format.
func escaped(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value)
}
