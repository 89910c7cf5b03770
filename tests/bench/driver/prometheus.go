package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

type prometheusServer struct {
	process *process
	address string
}

func (b *bench) startPrometheus(target *exporter, scrapeInterval time.Duration) (*prometheusServer, error) {
	config := filepath.Join(b.settings.directory, "prometheus.yaml")
	text := fmt.Sprintf("global: {scrape_interval: %[1]dms, scrape_timeout: %[1]dms}\n"+
		"scrape_configs:\n- job_name: agents\n  static_configs: [{targets: [%[2]q]}]\n",
		scrapeInterval.Milliseconds(), target.address)
	return b.runPrometheus(config, text)
}

// With that configuration, written to that file.
func (b *bench) runPrometheus(config, text string, flags ...string) (*prometheusServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	p := &prometheusServer{address: fmt.Sprintf("127.0.0.1:%d", port)}
	command := append([]string{b.settings.prometheus, "--config.file=" + config,
		"--storage.tsdb.path=" + filepath.Join(b.settings.directory, "prometheus"), "--web.listen-address=" + p.address,
		"--log.level=warn"}, flags...)
	p.process, err = b.start("prometheus", nil, command...)
	if err != nil {
		return nil, err
	}
	return p, waitFor("Prometheus to be ready", 30*time.Second, 50*time.Millisecond, func() (bool, error) {
		_, err := get("http://" + p.address + "/-/ready")
		return err == nil, p.process.requireRunning()
	})
}

// The number that `query` gives, and whether it gives one.
func (p *prometheusServer) value(query string) (float64, bool, error) {
	text, err := get("http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, false, err
	}
	return parseVector(text)
}

// The first number of an instant vector, and whether there is one.
func parseVector(text string) (float64, bool, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return 0, false, err
	}
	if len(answer.Data.Result) == 0 {
		return 0, false, nil
	}
	number, ok := answer.Data.Result[0].Value[1].(string)
	if !ok {
		return 0, false, fmt.Errorf("not an instant vector: %.200s", text)
	}
	value, err := strconv.ParseFloat(number, 64)
	return value, err == nil, err
}
