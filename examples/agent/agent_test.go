package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMoney(t *testing.T) {
	for text, want := range map[string]nanoUSD{
		"0": 0, "0.01": 10_000_000, "12": 12_000_000_000, "0.000000001": 1, "1.500": 1_500_000_000,
	} {
		got, err := parseUSD(text)
		if err != nil || got != want {
			t.Errorf("parseUSD(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "-1", "+1", "1e-3", "0.0000000001", "9223372037", "99999999999999999999"} {
		if got, err := parseUSD(text); err == nil {
			t.Errorf("parseUSD(%q) = %d; want an error", text, got)
		}
	}
	for amount, want := range map[nanoUSD]string{0: "0", 1: "0.000000001", 1_500_000_000: "1.5", 10_000_000_000: "10"} {
		if got := amount.String(); got != want {
			t.Errorf("%d nano-dollars read %q; want %q", int64(amount), got, want)
		}
	}
}

func TestManyCallsAddUpExactly(t *testing.T) {
	counted := &meter{agent: "a", model: "m"}
	cost, _ := parseUSD("0.0001")
	for range 30_000 {
		counted.addCall(usage{cost: cost})
	}
	if spent, calls := counted.total(); spent.String() != "3" || calls != 30_000 {
		t.Errorf("spent %s in %d calls; want 3 in 30000", spent, calls)
	}
}

func TestMayCall(t *testing.T) {
	for name, test := range map[string]struct {
		content   string
		want      bool
		wantError bool
	}{
		"pool allows":             {`{"maxConcurrency":3}`, true, false},
		"pool stopped":            {`{"maxConcurrency":0}`, false, false},
		"own entry wins":          {`{"maxConcurrency":3,"agents":{"me":{"maxConcurrency":0}}}`, false, false},
		"another's entry ignored": {`{"maxConcurrency":3,"agents":{"you":{"maxConcurrency":0}}}`, true, false},
		"negative":                {`{"maxConcurrency":-1}`, false, false},
		"no limit named":          {`{}`, false, true},
		"not JSON":                {`maxConcurrency: 3`, false, true},
		"too large":               {strings.Repeat(" ", maxLimitsBytes) + `{"maxConcurrency":3}`, false, true},
	} {
		path := filepath.Join(t.TempDir(), "limits.json")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := mayCall(path, "me"); got != test.want || (err != nil) != test.wantError {
			t.Errorf("%s: %v, %v; want %v, error %v", name, got, err, test.want, test.wantError)
		}
	}
	if allowed, err := mayCall(filepath.Join(t.TempDir(), "none"), "me"); !allowed || err != nil {
		t.Errorf("without a file: %v, %v; want a call", allowed, err)
	}
}

func TestSettings(t *testing.T) {
	from := func(environment map[string]string) (settings, error) {
		return readSettings(func(name string) (string, bool) {
			value, found := environment[name]
			return value, found
		})
	}
	read, err := from(map[string]string{"AGENT": "a", "CALLS_PER_MINUTE": "120", "COST_USD_PER_CALL": "0.5"})
	if err != nil || read.interval != 500*time.Millisecond || read.perCall.cost != 500_000_000 {
		t.Errorf("read %+v, %v", read, err)
	}
	for _, wrong := range []map[string]string{
		{},
		{"AGENT": "a", "CALLS_PER_MINUTE": "0"},
		{"AGENT": "a", "CALLS_PER_MINUTE": "often"},
		{"AGENT": "a", "COST_USD_PER_CALL": "cheap"},
		{"AGENT": "a", "LINGER_SECONDS": "-1"},
	} {
		if read, err := from(wrong); err == nil {
			t.Errorf("%v was read as %+v; want an error", wrong, read)
		}
	}
}

func TestSpendsShowsAndEnds(t *testing.T) {
	limitsFile := filepath.Join(t.TempDir(), "limits.json")
	with := settings{agent: `re"searcher`, model: "m", perCall: usage{cost: 250_000_000, inputTokens: 2, outputTokens: 1},
		interval: time.Millisecond, listen: "127.0.0.1:0", limitsFile: limitsFile}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, with, func(at net.Addr) { address <- at }) }()
	url := "http://" + (<-address).String() + "/metrics"

	labels := `\{agent="re\\"searcher",model="m"\}`
	waitFor(t, url, `(?m)^agent_cost_usd_total`+labels+` (0\.(25|5|75)|[1-9]\d*(\.(25|5|75))?)$`)
	waitFor(t, url, `(?m)^agent_calls_total`+labels+` [1-9]`)
	if err := os.WriteFile(limitsFile, []byte(`{"maxConcurrency":0}`), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, url, `(?m)^agent_calls_held_back_total`+labels+` [1-9]`)
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the agent did not end")
	}
}

// waitFor polls the metrics until they match.
func waitFor(t *testing.T, url, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	var body []byte
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if wanted.Match(body) {
			return
		}
	}
	t.Fatalf("%s not seen; last:\n%s", pattern, body)
}
