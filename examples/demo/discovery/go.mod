module purser.dev/examples/discovery

go 1.24
