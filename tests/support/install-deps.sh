#!/usr/bin/env bash
# Installs what building and testing need: Debian 12 packages by name, and Go for the cluster's binaries.
# install-deps.sh demo: only what the operator, the cluster and the demo need.
set -euo pipefail

cd "$(dirname "$0")/../.."
release=${PURSER_OS_RELEASE:-/etc/os-release}  # another one in tests

build_packages=(
  cmake g++ ninja-build ccache make pkg-config git ca-certificates tzdata
  libcpprest-dev libboost-dev libboost-system-dev libssl-dev libyaml-cpp-dev libspdlog-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev nlohmann-json3-dev libsimdjson-dev libsqlite3-dev
  libhowardhinnant-date-dev libcli11-dev libre2-dev zlib1g-dev libprotobuf-dev protobuf-compiler
)
cluster_packages=(
  python3 python3-venv binutils gcc libc6-dev openssl iproute2 util-linux mount
  prometheus containerd runc containernetworking-plugins nftables conntrack
)
test_packages=(gcovr clang-format clang-tidy shellcheck pyflakes3 mypy clang libclang-rt-14-dev chromium)
# For the live page; from elsewhere than Debian they are as good, and exclude Debian's.
command -v npm >/dev/null || test_packages+=(nodejs npm)
packages=("${build_packages[@]}" "${cluster_packages[@]}")
[ "${1:-all}" = demo ] || packages+=("${test_packages[@]}")

if ! grep -qs '^ID=debian' "$release" || ! grep -qs '^VERSION_ID="12"' "$release"; then
  if [ "${PURSER_SKIP_DEPS:-}" = 1 ]; then
    echo "PURSER_SKIP_DEPS=1: what the build and the tests need is taken to be installed."
    exit 0
  fi
  echo "This script knows Debian 12. On another system install the equivalents of:"
  printf '  %s\n' "${packages[@]}"
  echo "and Go 1.26 or newer; then run the commands again with PURSER_SKIP_DEPS=1."
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "not root and no sudo: as root run: apt-get install ${missing[*]}"; exit 1; }
    sudo=sudo
  fi
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  # Packages that bring a service must not start it here.
  policy=/usr/sbin/policy-rc.d
  placed=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
    placed=1
  fi
  trap '[ -z "$placed" ] || $sudo rm -f $policy' EXIT
  $sudo apt-get update -q
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi
tests/cluster/install-go.sh
