// Command ill-mannered is an agent that does not stop as it is asked to; MANNER says how. It counts a cent for each "call",
// ten a second, and calls nobody.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	callEvery = 100 * time.Millisecond
	// A restart at once: after so many calls, with a counter that begins anew.
	callsPerLife = 30
	// So long what is shown at the exit stands there to be scraped.
	linger = 4 * time.Second
)

func main() {
	manner := os.Getenv("MANNER")
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	if manner == "forks" && len(os.Args) == 1 {
		// A child in a session of its own spends on; this one ends as soon as it is asked to.
		child := exec.Command(os.Args[0], "child")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		<-asked
		return
	}
	var cents atomic.Int64
	var shown atomic.Bool
	shown.Store(manner != "shows-at-exit")
	http.HandleFunc("/metrics", func(answer http.ResponseWriter, _ *http.Request) {
		var show int64
		if shown.Load() {
			show = cents.Load()
		}
		fmt.Fprintf(answer, "# TYPE agent_cost_usd_total counter\nagent_cost_usd_total{agent=%q,model=\"m\"} %d.%02d\n",
			os.Getenv("AGENT"), show/100, show%100)
	})
	go func() {
		fmt.Println(http.ListenAndServe(":9100", nil))
		os.Exit(1)
	}()
	for range time.Tick(callEvery) {
		if cents.Add(1) >= callsPerLife && manner == "restarts" {
			os.Exit(0)
		}
		select {
		case <-asked:
			switch manner {
			case "ignores-sigterm":
			case "shows-at-exit":
				shown.Store(true)
				time.Sleep(linger)
				return
			default:
				if len(os.Args) == 1 { // a child was not asked
					return
				}
			}
		default:
		}
	}
}
