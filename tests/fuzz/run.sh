#!/usr/bin/env bash
# Usage: run.sh BUILD_FOLDER SECONDS [SUBJECT...]. Runs each fuzz target for so long from a copy of its corpus, and
# stops at the first input that breaks it.
set -euo pipefail

build=$(cd "$1" && pwd)
seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)

subjects=("$@")
if [ ${#subjects[@]} = 0 ]; then
  for target in "$here"/*_fuzz.cc; do
    name=$(basename "$target" _fuzz.cc)
    subjects+=("$name")
  done
fi

mkdir -p "$build/found"
for subject in "${subjects[@]}"; do
  # What earlier runs have learnt stays; the folder of the repository is only read.
  corpus=$build/corpus/$subject
  mkdir -p "$corpus"
  cp -n "$here/corpus/$subject"/* "$corpus"/
  echo "fuzzing $subject for $seconds s"
  if ! "$build/${subject}_fuzz" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
    -artifact_prefix="$build/found/$subject-" -print_final_stats=1 >"$build/found/$subject.log" 2>&1; then
    tail -n 60 "$build/found/$subject.log"
    echo "$subject: an input breaks it. Replay it with:"
    for input in "$build/found/$subject"-*; do
      [ -e "$input" ] && echo "  $build/${subject}_fuzz $input"
    done
    echo "then mend the fault, and keep the input as tests/fuzz/corpus/$subject/WHAT-IT-IS"
    exit 1
  fi
  grep -E 'stat::(number_of_executed_units|average_exec_per_sec)' "$build/found/$subject.log"
done
