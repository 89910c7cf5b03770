#!/bin/sh
# Runs `go` with the given words: the one in PATH, or the one that install-go.sh brings.
set -eu
folder=$("$(dirname "$0")/install-go.sh")
PATH="$folder:$PATH" exec go "$@"
