// The benchmark driver: makes objects on a real API server, starts the operator and what it is measured against,
// edits, watches and reports. `run.py`, one folder up, builds everything, starts the API server and calls this.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
)

// The lifetime of started programs is tied to the thread that started them, so main keeps its own.
func init() { runtime.LockOSThread() }

func main() {
	var settings settings
	flag.StringVar(&settings.kubeconfig, "kubeconfig", "", "of the API server")
	flag.StringVar(&settings.purser, "purser", "", "the operator's binary; empty leaves its side out")
	flag.StringVar(&settings.before, "before", "", "an older operator's binary, for the readers")
	flag.StringVar(&settings.yardstick, "yardstick", "", "the yardstick's binary")
	flag.StringVar(&settings.prometheus, "prometheus", "prometheus", "Prometheus's binary")
	flag.StringVar(&settings.directory, "directory", "", "for stores, configurations and logs; must exist")
	flag.BoolVar(&settings.quick, "quick", false, "shorter and rougher")
	out := flag.String("out", "", "where the report goes, as JSON")
	flag.Parse()
	report, err := run(&settings, flag.Arg(0))
	if err == nil {
		var text []byte
		if text, err = json.MarshalIndent(report, "", " "); err == nil {
			err = os.WriteFile(*out, text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

type settings struct {
	kubeconfig, purser, before, yardstick, prometheus, directory string
	quick                                                        bool
}

func run(settings *settings, name string) (*report, error) {
	bench, err := newBench(settings)
	if err != nil {
		return nil, err
	}
	defer bench.stopAll()
	switch name {
	case "beside-1000":
		err = measureBeside(bench, 1000)
	case "beside-10000":
		err = measureBeside(bench, 10000)
	case "readers-10000":
		err = measureReaders(bench, 10000)
	case "readers-100000":
		err = measureReaders(bench, 100000)
	case "catch-up":
		err = measureCatchUp(bench)
	case "crossing":
		err = measureCrossing(bench)
	case "inbound":
		err = measureInbound(bench)
	case "scale":
		err = measureScale(bench)
	default:
		err = fmt.Errorf("no benchmark %q: beside-1000, beside-10000, readers-10000, readers-100000, catch-up, crossing, inbound or scale", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, bench.logTails())
	}
	return &bench.report, nil
}
