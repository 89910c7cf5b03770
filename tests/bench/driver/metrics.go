package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Series of one scrape, by their text: name{label="value",...}.
type metrics map[string]float64

func parseMetrics(text string) metrics {
	m := metrics{}
	for line := range strings.Lines(text) {
		if line == "\n" || line[0] == '#' {
			continue
		}
		// A label's value may hold spaces, what follows the labels may not.
		end := strings.LastIndexByte(line, '}') + 1
		if end == 0 {
			end = strings.IndexByte(line, ' ')
		}
		fields := strings.Fields(line[end:])
		if len(fields) == 0 {
			continue
		}
		if value, err := strconv.ParseFloat(fields[0], 64); err == nil {
			m[line[:end]] = value
		}
	}
	return m
}

// The sum over all series of that name which hold every one of `parts` in their labels; whether there is any.
func (m metrics) sum(name string, parts ...string) (float64, bool) {
	total, found := 0.0, false
series:
	for key, value := range m {
		if !strings.HasPrefix(key, name) || (len(key) > len(name) && key[len(name)] != '{') {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(key, part) {
				continue series
			}
		}
		total, found = total+value, true
	}
	return total, found
}

var httpClient = &http.Client{Timeout: 10 * time.Second}

func get(url string) (string, error) { return getWith(httpClient, url) }

func getWith(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", url, response.Status, body)
	}
	return string(body), err
}

func scrape(address string) (metrics, error) {
	text, err := get("http://" + address + "/metrics")
	if err != nil {
		return nil, err
	}
	return parseMetrics(text), nil
}
