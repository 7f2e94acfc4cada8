# `make demo` and `make test` do everything on a fresh machine; see README.md.
PYTHON ?= python3
DATA ?=
BIN := .venv/bin
export PYTHON

.PHONY: setup demo style types quick check tests test test-all lock image clean

setup:
	@bash scripts/setup_environment.sh

demo: setup
	$(BIN)/yachay run student_dropout $(if $(DATA),--data "$(DATA)")

style: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/deptry .

types: setup
	$(BIN)/mypy

# A worker runs all tests of a module: they share what it trained or started.
PYTEST := $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder
quick: setup
	$(PYTEST) -m "not integration and not end_to_end and not slow"

tests: setup
	$(PYTEST) $(if $(SLOW),,-m "not slow")

# The types are checked beside the tests: without its cache mypy takes a core for half a minute.
check: style
	@$(MAKE) --no-print-directory --jobs 2 types quick

# In one call: each worker takes 20 s to import what the tests do.
test: style
	@$(MAKE) --no-print-directory --jobs 2 types tests

test-all: style
	@$(MAKE) --no-print-directory --jobs 2 types tests SLOW=1

# Resolves the dependencies of pyproject.toml anew; uv does it for all Python versions and systems at once. The images'
# lists hold the same versions, of what an extra needs.
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes \
	--custom-compile-command "make lock" --quiet
IMAGES := $(LOCK) --constraint constraints.txt pyproject.toml docker/requirements-build.in
lock: setup
	$(LOCK) --extra dev pyproject.toml --output-file constraints.txt
	$(IMAGES) --extra kubeflow --extra signing --extra tracking --output-file docker/requirements-pipeline.txt
	$(IMAGES) --extra serving --extra signing --extra streams --output-file docker/requirements-serving.txt
	$(LOCK) --constraint constraints.txt docker/requirements-lambda.in --output-file docker/requirements-lambda.txt

# The image of a pipeline's steps, or with SERVING=1 of the predict API; GPU=1 makes the one for NVIDIA GPUs. CA_BUNDLE names
# a file of certificate authorities, such as that of a company's proxy, for the build and for the image.
KIND := $(if $(SERVING),.serving)$(if $(GPU),.gpu)
IMAGE ?= yachay$(if $(SERVING),-serving):$(if $(GPU),gpu,latest)
comma := ,
image:
	docker build $(if $(CA_BUNDLE),--secret id=ca_bundle$(comma)src=$(CA_BUNDLE)) --file docker/Dockerfile$(KIND) --tag $(IMAGE) .

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
