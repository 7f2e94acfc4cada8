#!/usr/bin/env bash
# Installs the library and the pinned dependencies of an image: docker/install.sh FOLDER pipeline|serving. FOLDER is a
# virtual environment, made where there is none. Run in the repository's root, with Python 3.11 to 3.13; `pipeline` wants
# a C++ compiler too (pyfarmhash has no wheel) and glibc >= 2.39.
set -euo pipefail

readonly venv=$1 requirements=docker/requirements-$2.txt

# A build's secret: the authorities of a company's proxy, between this machine and the package index. Pip takes one file.
readonly proxy=${CA_BUNDLE:-/run/secrets/ca_bundle} system=/etc/ssl/certs/ca-certificates.crt
if [ -s "$proxy" ]; then
  PIP_CERT=$(mktemp)
  export PIP_CERT
  cat "$proxy" >"$PIP_CERT"
  [ ! -s "$system" ] || cat "$system" >>"$PIP_CERT"
fi

# Prints the pinned requirements of the given names, with their hashes.
requirement() {
  local name
  for name in "$@"; do sed -nE "/^$name==/,/[^\\\\]\$/p" "$requirements"; done
}

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# An environment without bytecode starts 15 s slower, at every step.
unset PYTHONDONTWRITEBYTECODE
pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-cache-dir)
"${pip[@]}" install --quiet --no-deps --require-hashes -r <(requirement setuptools wheel)
"${pip[@]}" install --quiet --no-deps --no-build-isolation --compile --require-hashes -r "$requirements"
"${pip[@]}" install --quiet --no-deps --no-build-isolation --compile .
