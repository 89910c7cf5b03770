package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const (
	shortestName = "shortest"
	savedLike    = `{\"replicas\":1,\"set\":0,\"pool\":\"pool-00000\",\"poolUID\":\"00000000-0000-4000-8000-000000000000\"}`
)

// The shortest way from an edited budget to the operator's write: the driver itself watches and sends the same
// patch of the Deployment at once, with no policy, no queue and no process between. What an operator that saves the
// original in the patch can reach at best.
type shortestReactor struct {
	stop  context.CancelFunc
	mutex sync.Mutex
	errs  []error
}

func (b *bench) startShortest() (*shortestReactor, error) {
	ctx, cancel := context.WithCancel(context.Background())
	events, err := b.eventsOf(ctx, budgets)
	if err != nil {
		cancel()
		return nil, err
	}
	reactor := &shortestReactor{stop: cancel}
	targets := map[string]string{} // of its budgets
	for i := editedObjects; i < 2*editedObjects; i++ {
		targets[namespaceOf(i)+"/"+budgetName(i)] = agentName(i)
	}
	go func() {
		limits := map[string]string{} // acted on; a status is no edit
		for event := range events {
			budget, ok := event.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			key := budget.GetNamespace() + "/" + budget.GetName()
			target, mine := targets[key]
			limit, _, _ := unstructured.NestedString(budget.Object, "spec", "limit")
			if !mine || limit == limits[key] || limits[key] == "" && limit == highLimit {
				continue
			}
			limits[key] = limit
			saved, replicas := "null", 1
			if limit == lowLimit {
				saved, replicas = `"`+savedLike+`"`, 0
			}
			patch := fmt.Sprintf(`{"metadata":{"annotations":{"bench.purser.dev/saved":%s}},"spec":{"replicas":%d}}`, saved, replicas)
			_, err := b.client.Resource(deployments).Namespace(budget.GetNamespace()).
				Patch(ctx, target, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: shortestName})
			if err != nil {
				reactor.mutex.Lock()
				reactor.errs = append(reactor.errs, err)
				reactor.mutex.Unlock()
			}
		}
	}()
	return reactor, nil
}

func (r *shortestReactor) failure() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return errors.Join(r.errs...)
}

func (b *bench) noteShortest(down map[string][]float64) {
	if len(down["purser"]) == 0 || len(down["yardstick"]) == 0 {
		return
	}
	var texts []string
	for _, q := range []float64{0.5, 0.99} {
		shortest, purser := *quantile(down[shortestName], q), *quantile(down["purser"], q)
		yardstick := *quantile(down["yardstick"], q)
		texts = append(texts, fmt.Sprintf("p%g %.3g ms, %.2f of the yardstick's; the operator takes %.2f of that",
			q*100, shortest, shortest/yardstick, purser/shortest))
	}
	b.report.note("the operator's patch sent by the driver itself, at once: %s", strings.Join(texts, "; "))
}
