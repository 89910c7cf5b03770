package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespaceCount = 10
	objectBytes    = 2048 // as JSON, without what the API server adds
	creators       = 8    // objects made at once
)

var (
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	budgets     = schema.GroupVersionResource{Group: "purser.dev", Version: "v1alpha1", Resource: "agentbudgets"}
	pools       = schema.GroupVersionResource{Group: "purser.dev", Version: "v1alpha1", Resource: "agentpools"}
)

// What every benchmark has: the API server, the programs started, the report.
type bench struct {
	settings  *settings
	client    dynamic.Interface
	http      *http.Client // with the administrator's credentials
	server    string
	processes []*process
	report    report
	hello     float64 // requests/s that the API's server answers with next to nothing
}

func newBench(settings *settings) (*bench, error) {
	config, err := clientcmd.BuildConfigFromFlags("", settings.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1 // the driver must not wait for itself
	config.UserAgent = "purser-bench"
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	plain, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return &bench{settings: settings, client: client, http: plain, server: config.Host}, nil
}

// Objects of one number stand in one namespace, spread evenly.
func namespaceOf(index int) string { return fmt.Sprintf("team-%d", index%namespaceCount) }

func (b *bench) makeNamespaces() error {
	return b.create(namespaces, namespaceCount, func(i int) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespaceOf(i)}}
	})
}

// Creates objects 0 to count-1; `make` gives their content.
func (b *bench) create(resource schema.GroupVersionResource, count int, make func(int) map[string]any) error {
	indexes := makeChannel(count)
	var (
		group sync.WaitGroup
		once  sync.Once
		first error
	)
	for range creators {
		group.Go(func() {
			for i := range indexes {
				object := &unstructured.Unstructured{Object: make(i)}
				_, err := b.client.Resource(resource).Namespace(object.GetNamespace()).
					Create(context.Background(), object, metav1.CreateOptions{})
				if err != nil {
					once.Do(func() { first = fmt.Errorf("create %s %s: %w", resource.Resource, object.GetName(), err) })
					return
				}
			}
		})
	}
	group.Wait()
	return first
}

func makeChannel(count int) <-chan int {
	indexes := make(chan int, count)
	for i := range count {
		indexes <- i
	}
	close(indexes)
	return indexes
}

// An object padded by an annotation to objectBytes of JSON.
func padded(object map[string]any) map[string]any {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // of plain maps: cannot happen
	}
	metadata := object["metadata"].(map[string]any)
	const around = len(`,"annotations":{"bench.example/padding":""}`)
	metadata["annotations"] = map[string]any{
		"bench.example/padding": strings.Repeat("x", max(0, objectBytes-len(text)-around)),
	}
	return object
}

func agentName(i int) string { return fmt.Sprintf("agent-%05d", i) }

func deployment(i int, replicas int64) map[string]any {
	labels := map[string]any{"app": agentName(i)}
	return padded(map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": agentName(i), "namespace": namespaceOf(i)},
		"spec": map[string]any{
			"replicas": replicas,
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{"containers": []any{
					map[string]any{"name": "agent", "image": "registry.example/agent:1"},
				}},
			},
		},
	})
}

// Not padded, as little as budgets: with their statuses they are larger than objectBytes.
func pool(i int) map[string]any {
	return map[string]any{
		"apiVersion": "purser.dev/v1alpha1", "kind": "AgentPool",
		"metadata": map[string]any{"name": fmt.Sprintf("pool-%05d", i), "namespace": namespaceOf(i)},
		"spec": map[string]any{
			"maxConcurrency": int64(8),
			"agents": []any{map[string]any{
				"name": agentName(i), "workloadRef": map[string]any{"kind": "Deployment", "name": agentName(i)},
			}},
		},
	}
}

func budgetName(i int) string { return fmt.Sprintf("budget-%05d", i) }

// A month, so that no run but one over the end of a month sees a reset.
func budget(i int, limit string) map[string]any {
	return map[string]any{
		"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudget",
		"metadata": map[string]any{"name": budgetName(i), "namespace": namespaceOf(i)},
		"spec": map[string]any{
			"limit":  limit,
			"window": map[string]any{"period": "Month"},
			"scope":  map[string]any{"pools": []any{fmt.Sprintf("pool-%05d", i)}},
		},
	}
}

func (b *bench) mergePatch(resource schema.GroupVersionResource, namespace, name, patch string) error {
	_, err := b.client.Resource(resource).Namespace(namespace).
		Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// The mean size of what the API server holds, as JSON, in bytes; of the first hundred.
func (b *bench) meanBytes(resource schema.GroupVersionResource) (int, error) {
	list, err := b.client.Resource(resource).List(context.Background(), metav1.ListOptions{Limit: 100})
	if err != nil || len(list.Items) == 0 {
		return 0, err
	}
	text, err := list.MarshalJSON()
	return len(text) / len(list.Items), err
}

// Requests the API server has answered (watches count when they end), by verb and resource.
func (b *bench) apiServerMetrics() (metrics, error) {
	text, err := getWith(b.http, b.server+"/metrics")
	return parseMetrics(text), err
}

// Waits until `condition` holds; an error of it ends the wait.
func waitFor(what string, deadline, every time.Duration, condition func() (bool, error)) error {
	end := time.Now().Add(deadline)
	for {
		done, err := condition()
		if done || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited %v for %s", deadline, what)
		}
		time.Sleep(every)
	}
}
