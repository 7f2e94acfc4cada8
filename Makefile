# `make demo` and `make test` do everything on a fresh machine; see README.md.
PYTHON ?= python3
DATA ?=
BIN := .venv/bin
export PYTHON

.PHONY: setup demo check test test-all lock image clean

setup:
	@bash scripts/setup_environment.sh

demo: setup
	$(BIN)/yachay run student_dropout $(if $(DATA),--data "$(DATA)")

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 -m "not end_to_end and not slow"

test: check
	$(BIN)/pytest -q -n 2 --dist loadfile -m "end_to_end and not slow"

test-all: check
	$(BIN)/pytest -q -n 2 --dist loadfile -m "end_to_end or slow"

# Resolves the dependencies of pyproject.toml anew; uv does it for all Python versions and systems at once.
lock: setup
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes --extra dev --extra kubeflow \
		--custom-compile-command "make lock" --quiet pyproject.toml --output-file constraints.txt

# The image of a pipeline's steps; GPU=1 makes the one for NVIDIA GPUs.
IMAGE ?= yachay:$(if $(GPU),gpu,latest)
image:
	docker build --file docker/Dockerfile$(if $(GPU),.gpu) --tag $(IMAGE) .

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
