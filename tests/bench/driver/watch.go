package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Follows one kind of object from now on and remembers when each reached the state asked for.
type objectWatch struct {
	stop    context.CancelFunc
	mutex   sync.Mutex
	changed chan struct{} // closed and replaced at every event
	objects map[string]seen
	failure error
}

type seen struct {
	object *unstructured.Unstructured
	at     time.Time
}

// What happens to such objects from now on, until `ctx` ends.
func (b *bench) eventsOf(ctx context.Context, resource schema.GroupVersionResource) (<-chan watch.Event, error) {
	list, err := b.client.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, err
	}
	events, err := b.client.Resource(resource).Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return nil, err
	}
	return events.ResultChan(), nil
}

func (b *bench) watch(resource schema.GroupVersionResource) (*objectWatch, error) {
	ctx, cancel := context.WithCancel(context.Background())
	events, err := b.eventsOf(ctx, resource)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &objectWatch{stop: cancel, changed: make(chan struct{}), objects: map[string]seen{}}
	go func() {
		for event := range events {
			at := time.Now()
			object, ok := event.Object.(*unstructured.Unstructured)
			w.mutex.Lock()
			if !ok || event.Type == "ERROR" {
				w.failure = fmt.Errorf("watch of %s: %v", resource.Resource, event.Object)
			} else {
				w.objects[object.GetNamespace()+"/"+object.GetName()] = seen{object, at}
			}
			close(w.changed)
			w.changed = make(chan struct{})
			w.mutex.Unlock()
		}
		w.mutex.Lock()
		if ctx.Err() == nil && w.failure == nil {
			w.failure = fmt.Errorf("the watch of %s ended", resource.Resource)
		}
		close(w.changed)
		w.changed = make(chan struct{})
		w.mutex.Unlock()
	}()
	return w, nil
}

// Waits for an event of that object that shows `spec.replicas`; returns when the event came in.
func (w *objectWatch) waitReplicas(namespace, name string, want int64, deadline time.Duration) (time.Time, error) {
	timeout := time.After(deadline)
	for {
		w.mutex.Lock()
		now, failure, changed := w.objects[namespace+"/"+name], w.failure, w.changed
		w.mutex.Unlock()
		if failure != nil {
			return time.Time{}, failure
		}
		if now.object != nil {
			if replicas, _, _ := unstructured.NestedInt64(now.object.Object, "spec", "replicas"); replicas == want {
				return now.at, nil
			}
		}
		select {
		case <-changed:
		case <-timeout:
			return time.Time{}, fmt.Errorf("%s/%s not seen with %d replicas within %v", namespace, name, want, deadline)
		}
	}
}

// How many objects were seen that satisfy `is`, and when the last event came.
func (w *objectWatch) count(is func(*unstructured.Unstructured) bool) (int, time.Time, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	count, last := 0, time.Time{}
	for _, now := range w.objects {
		if is(now.object) {
			count++
		}
		if now.at.After(last) {
			last = now.at
		}
	}
	return count, last, w.failure
}
