#!/usr/bin/env bash
# Checks formatting, what clang-tidy finds in the operator, and the chart: lint.sh [BUILD]
set -euo pipefail
build=${1:-build}
cd "$(dirname "$0")/../.."

failed=0
mapfile -t sources < <(git ls-files 'operator/**.h' 'operator/**.cc' 'tests/**.h' 'tests/**.cc')
if ! clang-format --dry-run --Werror --ferror-limit=1 "${sources[@]}"; then
  echo "formatting differs from .clang-format: run make format" >&2
  failed=1
fi

if [ ! -f "$build/compile_commands.json" ]; then
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
fi
# GCC's own warning options mean nothing to clang; modernize-use-nullptr mistakes a defaulted <=>.
tidy=(clang-tidy --quiet --warnings-as-errors='*' --checks=-modernize-use-nullptr
  --extra-arg=-Wno-unknown-warning-option -p "$build")
git ls-files 'operator/**.cc' | xargs --max-procs="$(nproc)" --max-args=4 "${tidy[@]}" || failed=1

if command -v helm > /dev/null; then
  helm lint --strict charts/purser || failed=1
fi
exit "$failed"
