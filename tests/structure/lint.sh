#!/usr/bin/env bash
# Checks what needs no run: lint.sh [BUILD [PART...]], parts format tidy chart python shell go; none: all.
set -euo pipefail
build=${1:-build}
[ $# -eq 0 ] || shift
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(format tidy chart python shell go)
cd "$(dirname "$0")/../.."

skipped() {
  echo "lint: $1 is skipped: $2" >&2
}

check_format() {
  local sources
  mapfile -t sources < <(git ls-files 'operator/**.h' 'operator/**.cc' 'tests/**.h' 'tests/**.cc')
  if ! clang-format --dry-run --Werror --ferror-limit=1 "${sources[@]}"; then
    echo "formatting differs from .clang-format: run make format" >&2
    return 1
  fi
}

check_tidy() {
  if [ ! -f "$build/compile_commands.json" ]; then
    cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo || return 1
  fi
  # GCC's own warning options mean nothing to clang; modernize-use-nullptr mistakes a defaulted <=>.
  local tidy=(clang-tidy --quiet --warnings-as-errors='*' --checks=-modernize-use-nullptr
    --extra-arg=-Wno-unknown-warning-option -p "$build")
  git ls-files 'operator/**.cc' | xargs --max-procs="$(nproc)" --max-args=4 "${tidy[@]}"
}

check_chart() {
  local helm
  # The one that the tests use, else whatever there is.
  if ! helm=$(tests/cluster/cluster.py which helm 2>/dev/null) && ! helm=$(command -v helm); then
    skipped "helm lint" "helm is neither built nor on PATH (make cluster-binaries builds it)"
    return 0
  fi
  "$helm" lint --strict charts/purser
}

check_python() {
  local sources findings folder
  mapfile -t sources < <(git ls-files '*.py')
  # demo_path is imported for what it does to the path.
  findings=$(pyflakes3 "${sources[@]}" 2>&1 | grep -v "'demo_path' imported but unused" || true)
  if [ -n "$findings" ]; then
    echo "$findings" >&2
    return 1
  fi
  # A folder at a time: each has its own top-level modules.
  for folder in tests/cluster examples/demo tests/structure tests/bench tests/e2e tests/integration/chart tests/integration/cases tests/integration/admissions tests/integration/plugin tests/integration/page tests/integration/records tests/integration/litellm; do
    MYPYPATH=$PWD/tests/cluster:$PWD/tests/integration/admissions:$PWD/examples/demo:$PWD/examples/clients/python:$PWD/tests/integration:$PWD/tests/integration/cases mypy --strict --no-error-summary \
      --cache-dir "$build/mypy" "$folder"/*.py || return 1
  done
}

check_shell() {
  local scripts
  mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
  shellcheck "${scripts[@]}"
}

check_go() {
  local go module
  go=$(tests/cluster/install-go.sh)/go || return 1
  for module in examples/agent examples/demo/discovery tests/bench/driver; do
    (cd "$module" && GOWORK=off GOTOOLCHAIN=local GOFLAGS=-mod=readonly "$go" vet ./...) || return 1
  done
}

failed=()
for part in "${parts[@]}"; do
  "check_$part" || failed+=("$part")
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "lint: failed: ${failed[*]}" >&2
  exit 1
fi
