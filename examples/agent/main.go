// Command agent is an example of an AI agent that costs money: it "calls a model" at a fixed pace, counts what the
// calls cost, shows it at /metrics, and makes no call while the limit published for it is 0. It calls nobody.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	read, err := readSettings(os.LookupEnv)
	if err == nil {
		err = run(ctx, read, nil)
	}
	if err != nil {
		slog.Error("the agent ends", "error", err)
		os.Exit(1)
	}
}

// run works until ctx ends. onListening, if given, learns the address at which the metrics are.
func run(ctx context.Context, with settings, onListening func(net.Addr)) error {
	listener, err := net.Listen("tcp", with.listen)
	if err != nil {
		return err
	}
	if onListening != nil {
		onListening(listener.Addr())
	}
	counted := &meter{agent: with.agent, model: with.model}
	server := &http.Server{Handler: handler(counted), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	slog.Info("working", "agent", with.agent, "model", with.model, "costPerCall", with.perCall.cost.String(),
		"interval", with.interval.String(), "address", listener.Addr().String())

	err = work(ctx, with, counted, failed)
	if err == nil {
		time.Sleep(with.linger)
	}
	closing, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = server.Shutdown(closing)
	spent, calls := counted.total()
	slog.Info("ended", "agent", with.agent, "spentUSD", spent.String(), "calls", calls)
	return err
}

// work makes a call at every tick that the limits allow.
func work(ctx context.Context, with settings, counted *meter, failed <-chan error) error {
	ticker := time.NewTicker(with.interval)
	defer ticker.Stop()
	held := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return err
		case <-ticker.C:
		}
		allowed, err := mayCall(with.limitsFile, with.agent)
		if !allowed != held {
			held = !allowed
			slog.Info("the limits changed", "agent", with.agent, "mayCall", allowed, "problem", err)
		}
		if !allowed {
			counted.addHeldBack()
			continue
		}
		counted.addCall(with.perCall)
	}
}

func handler(counted *meter) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /metrics", func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = counted.write(response)
	})
	routes.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) {
		_, _ = response.Write([]byte("ok\n"))
	})
	return routes
}
