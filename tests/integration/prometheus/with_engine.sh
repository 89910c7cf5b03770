#!/bin/sh
# with_engine.sh ENGINE TEST [ARGUMENT...]: the test, reading from this engine; 77 where that is not built.
set -eu
engine=$1
shift
if ! program=$("$(dirname "$0")/../../cluster/cluster.py" which "$engine"); then
  echo "skipped: $engine is not built (make engine-binaries)"
  exit 77
fi
PURSER_ENGINE=$engine PURSER_ENGINE_PROGRAM=$program exec "$@"
