#!/bin/sh
# with_api_server.sh API_SERVER TEST [ARGUMENT...]: the test, against this API server; 77 where that is not built.
set -eu
server=$1
shift
if ! "$(dirname "$0")/../cluster/cluster.py" which "$server" >/dev/null; then
  echo "skipped: $server is not built (make older-api-server)"
  exit 77
fi
PURSER_API_SERVER=$server exec "$@"
