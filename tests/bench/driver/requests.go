package main

import (
	"regexp"
	"slices"
	"strings"
)

var requestLabels = regexp.MustCompile(`(verb|resource|group|subresource)="([^"]*)"`)

// What the operator and the yardstick may ask for; the API server itself asks for much else. Leases are left out:
// it keeps one of its own.
var askedResources = []string{"agentbudgets", "agentpools", "deployments", "statefulsets", "configmaps", "events"}

// Requests per minute by "verb resource", and those of them that write anything but a Lease.
func requestsBetween(before, after metrics, minutes float64) (map[string]float64, float64) {
	requests, writes := map[string]float64{}, 0.0
	for key, value := range after {
		if !strings.HasPrefix(key, "apiserver_request_total{") || value == before[key] {
			continue
		}
		labels := map[string]string{}
		for _, match := range requestLabels.FindAllStringSubmatch(key, -1) {
			labels[match[1]] = match[2]
		}
		if !slices.Contains(askedResources, labels["resource"]) {
			continue
		}
		perMinute := (value - before[key]) / minutes
		requests[labels["verb"]+" "+labels["resource"]] += perMinute
		reads := slices.Contains([]string{"GET", "LIST", "WATCH"}, labels["verb"])
		if !reads {
			writes += perMinute
		}
	}
	return requests, writes
}
