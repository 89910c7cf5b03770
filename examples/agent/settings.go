package main

import (
	"fmt"
	"strconv"
	"time"
)

// settings come from the environment, so that a Deployment reads like a price list.
type settings struct {
	agent      string
	model      string
	perCall    usage
	interval   time.Duration // between two calls
	limitsFile string
	listen     string
	linger     time.Duration // after SIGTERM, so that the last call is still scraped
}

func readSettings(lookup func(string) (string, bool)) (settings, error) {
	get := func(name, otherwise string) string {
		if value, found := lookup(name); found && value != "" {
			return value
		}
		return otherwise
	}
	read := settings{
		agent:      get("AGENT", ""),
		model:      get("MODEL", "gpt-5-mini"),
		limitsFile: get("LIMITS_FILE", ""),
		listen:     get("LISTEN", ":9100"),
	}
	if read.agent == "" {
		return settings{}, fmt.Errorf("AGENT is not set: give the agent's name, as in its AgentPool")
	}
	var err error
	if read.perCall.cost, err = parseUSD(get("COST_USD_PER_CALL", "0.01")); err != nil {
		return settings{}, fmt.Errorf("COST_USD_PER_CALL: %w", err)
	}
	whole := func(name, otherwise string, least, most int64) int64 {
		value, parseError := strconv.ParseInt(get(name, otherwise), 10, 64)
		if err == nil && (parseError != nil || value < least || value > most) {
			err = fmt.Errorf("%s is %q: give a whole number from %d to %d", name, get(name, otherwise), least, most)
		}
		return value
	}
	callsPerMinute := whole("CALLS_PER_MINUTE", "60", 1, 60_000)
	read.perCall.inputTokens = whole("INPUT_TOKENS_PER_CALL", "1200", 0, 1_000_000)
	read.perCall.outputTokens = whole("OUTPUT_TOKENS_PER_CALL", "300", 0, 1_000_000)
	read.linger = time.Duration(whole("LINGER_SECONDS", "0", 0, 300)) * time.Second
	if err != nil {
		return settings{}, err
	}
	read.interval = time.Minute / time.Duration(callsPerMinute)
	return read, nil
}
