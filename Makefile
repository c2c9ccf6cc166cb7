# Each target works on a fresh clone: it makes .venv first. PYTHON picks the interpreter.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# FAISS comes where a GPU answers. The tests compare with it everywhere; never install both kinds.
GPU := $(shell nvidia-smi >/dev/null 2>&1 && [ "$$(uname -sm)" = "Linux x86_64" ] && echo gpu)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test bench check tables clean

demo: .venv/installed
	$(BIN)/texto demo -o demo --force

test: .venv/tested
	$(BIN)/python -m pytest -q -n auto --dist worksteal

bench: .venv/installed
	$(BIN)/python benchmarks/run.py

check: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

tables: .venv/installed
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf .venv demo build *.egg-info

.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "texto needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python setup.cfg pyproject.toml
	$(PIP) install --quiet -e '.$(if $(GPU),[gpu])'
	@touch $@

.venv/tested: .venv/installed
	$(PIP) install --quiet -e '.[$(or $(GPU),cpu),neural,test]'
	@touch $@
