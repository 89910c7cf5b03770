package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const stopDeadline = 10 * time.Second

// A program that was started here. Ends with the driver, whatever happens to it.
type process struct {
	name    string
	logPath string
	command *exec.Cmd
	started time.Time
	ended   chan error
	threads map[string]float64 // nanoseconds on a processor, by thread
}

func startProcess(name, logPath string, environment []string, command ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, logPath: logPath, command: exec.Command(command[0], command[1:]...), ended: make(chan error, 1),
		threads: map[string]float64{}}
	p.command.Stdout, p.command.Stderr = log, log
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.started = time.Now()
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.command.Wait(); close(p.ended) }()
	return p, nil
}

// Fails once the program has ended by itself.
func (p *process) requireRunning() error {
	select {
	case err := <-p.ended:
		return fmt.Errorf("%s ended by itself (%v); see %s", p.name, err, p.logPath)
	default:
		return nil
	}
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopDeadline):
		say("%s did not end on SIGTERM within %v", p.name, stopDeadline)
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// The time of all threads on a processor so far, those that have ended since the last call included.
func (p *process) cpuSeconds() (float64, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		nanoseconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
		if err != nil {
			return 0, err
		}
		p.threads[path] = nanoseconds
	}
	total := 0.0
	for _, nanoseconds := range p.threads {
		total += nanoseconds
	}
	return total / 1e9, nil
}

type memory struct{ rss, pss, anonymous float64 } // MiB

func (p *process) memory() (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.command.Process.Pid))
	if err != nil {
		return memory{}, err
	}
	var m memory
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		kilobytes, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return memory{}, err
		}
		switch fields[0] {
		case "Rss:":
			m.rss = kilobytes / 1024
		case "Pss:":
			m.pss = kilobytes / 1024
		case "Anonymous:":
			m.anonymous = kilobytes / 1024
		}
	}
	return m, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (b *bench) start(name string, environment []string, command ...string) (*process, error) {
	p, err := startProcess(name, filepath.Join(b.settings.directory, name+".log"), environment, command...)
	if err == nil {
		b.processes = append(b.processes, p)
	}
	return p, err
}

func (b *bench) stop(p *process) {
	p.stop()
	for i, other := range b.processes {
		if other == p {
			b.processes = append(b.processes[:i], b.processes[i+1:]...)
			return
		}
	}
}

func (b *bench) stopAll() {
	for len(b.processes) > 0 {
		b.stop(b.processes[len(b.processes)-1])
	}
}

// The end of each program's log, for a failure's message.
func (b *bench) logTails() string {
	var out strings.Builder
	paths, _ := filepath.Glob(filepath.Join(b.settings.directory, "*.log"))
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		fmt.Fprintf(&out, "--- the end of %s\n%s\n", path, strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	return out.String()
}
