#!/usr/bin/env bash
# Makes the operator's container image without a container tool: make-image.sh BINARY OUT.tar [NAME:TAG]
# Without a name it is purser:VERSION of the project, which the chart asks for. Prints the name.
# Into it go the binary without debug symbols, its shared libraries, the system's certificate authorities and zones.
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "usage: ${0##*/} BINARY OUT.tar [NAME:TAG]" >&2
  exit 2
fi
binary=$1
archive=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^project(purser VERSION \([^ )]*\).*/\1/p' "$root/CMakeLists.txt")
[ -n "$version" ] || { echo "$root/CMakeLists.txt has no line project(purser VERSION ...)" >&2; exit 1; }
name=${3:-purser:$version}
authorities=/etc/ssl/certs/ca-certificates.crt
zones=/usr/share/zoneinfo

[ -x "$binary" ] || { echo "$binary is no program: build it first (make build)" >&2; exit 1; }
for needed in "$authorities" "$zones"; do
  [ -e "$needed" ] || { echo "$needed is missing: install the packages ca-certificates and tzdata (make deps)" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objcopy --strip-debug "$binary" "$work/purser"
mkdir -p "$(dirname "$archive")"
"$root/tests/cluster/cluster.py" image make --name "$name" --out "$archive" --user 65532:65532 \
  --entrypoint /usr/bin/purser --binary "$work/purser:/usr/bin/purser" \
  --file "$authorities:$authorities:0644" --file "$zones:$zones"
echo "$name"
