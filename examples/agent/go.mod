module purser.dev/examples/agent

go 1.24
