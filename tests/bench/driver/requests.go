package main

import (
	"regexp"
	"slices"
	"strings"
)

var requestLabels = regexp.MustCompile(`(verb|resource|group|subresource)="([^"]*)"`)

// What neither the operator nor the yardstick asks for, but the API server itself and this driver do.
var foreignResources = []string{"", "namespaces", "services", "endpoints", "endpointslices",
	"apiservices", "customresourcedefinitions", "flowschemas", "prioritylevelconfigurations", "clusterroles",
	"clusterrolebindings", "roles", "rolebindings", "ipaddresses", "servicecidrs", "priorityclasses",
	"storageversions", "resourcequotas", "limitranges", "nodes", "pods", "serviceaccounts", "secrets"}

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
		if slices.Contains(foreignResources, labels["resource"]) || labels["resource"] == "leases" {
			continue
		}
		perMinute := (value - before[key]) / minutes
		requests[labels["verb"]+" "+labels["resource"]] += perMinute
		reads := slices.Contains([]string{"GET", "LIST", "WATCH"}, labels["verb"])
		if !reads && labels["resource"] != "leases" {
			writes += perMinute
		}
	}
	return requests, writes
}
