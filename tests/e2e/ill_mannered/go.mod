module purser.dev/tests/illmannered

go 1.24
