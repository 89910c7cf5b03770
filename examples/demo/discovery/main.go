// Command discovery tells Prometheus which pods are agents, in the form of its HTTP service discovery. It stands in
// for Prometheus's own Kubernetes discovery, which Debian's package is built without.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	agentLabel       = "purser.dev/agent"
	metricsPort      = "metrics"
	credentials      = "/var/run/secrets/kubernetes.io/serviceaccount"
	requestTime      = 5 * time.Second
	maxResponseBytes = 64 << 20
)

// podList is the part of the Kubernetes API's answer that matters here.
type podList struct {
	Items []struct {
		Metadata struct {
			Name      string            `json:"name"`
			Namespace string            `json:"namespace"`
			Labels    map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec struct {
			Containers []struct {
				Ports []struct {
					Name          string `json:"name"`
					ContainerPort int    `json:"containerPort"`
				} `json:"ports"`
			} `json:"containers"`
		} `json:"spec"`
		Status struct {
			PodIP string `json:"podIP"`
			Phase string `json:"phase"`
		} `json:"status"`
	} `json:"items"`
}

// targetGroup is one entry of the answer to Prometheus.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// targetsOf keeps pods that are ending: what they spend until the end counts too.
func targetsOf(pods podList) []targetGroup {
	groups := []targetGroup{}
	for _, pod := range pods.Items {
		if pod.Status.PodIP == "" || pod.Status.Phase != "Running" {
			continue
		}
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				if port.Name != metricsPort {
					continue
				}
				groups = append(groups, targetGroup{
					Targets: []string{net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(port.ContainerPort))},
					Labels: map[string]string{
						"namespace": pod.Metadata.Namespace,
						"agent":     pod.Metadata.Labels[agentLabel],
						"pod":       pod.Metadata.Name,
					},
				})
			}
		}
	}
	return groups
}

// cluster reads pods of all namespaces; the token is read anew each time, since it is renewed.
type cluster struct {
	server    string
	tokenFile string
	client    *http.Client
}

func inCluster() (*cluster, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("this runs in a pod only: KUBERNETES_SERVICE_HOST is not set")
	}
	authority, err := os.ReadFile(credentials + "/ca.crt")
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s/ca.crt holds no certificate", credentials)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	return &cluster{
		server:    "https://" + net.JoinHostPort(host, port),
		tokenFile: credentials + "/token",
		client:    &http.Client{Transport: transport, Timeout: requestTime},
	}, nil
}

func (c *cluster) pods(ctx context.Context) (podList, error) {
	token, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return podList{}, err
	}
	// resourceVersion=0: out of the API server's cache.
	address := c.server + "/api/v1/pods?resourceVersion=0&labelSelector=" + url.QueryEscape(agentLabel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return podList{}, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := c.client.Do(request)
	if err != nil {
		return podList{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return podList{}, fmt.Errorf("listing pods: the API server answered %s", response.Status)
	}
	var pods podList
	if err := json.NewDecoder(io.LimitReader(response.Body, maxResponseBytes)).Decode(&pods); err != nil {
		return podList{}, fmt.Errorf("listing pods: %w", err)
	}
	return pods, nil
}

// ServeHTTP fails when the pods cannot be listed: Prometheus then keeps the targets it has.
func (c *cluster) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	pods, err := c.pods(request.Context())
	if err != nil {
		slog.Error("no targets", "error", err)
		http.Error(response, err.Error(), http.StatusBadGateway)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(targetsOf(pods))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("discovery ends", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	source, err := inCluster()
	if err != nil {
		return err
	}
	// Only Prometheus, in the same pod, asks.
	server := &http.Server{Addr: "127.0.0.1:9101", Handler: source, ReadHeaderTimeout: requestTime}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
