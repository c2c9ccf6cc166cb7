# Each target works on a fresh clone: it makes .venv first. PYTHON picks the interpreter.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# FAISS comes for the GPU where a driver answers, for the CPU elsewhere; never both.
FAISS := $(shell nvidia-smi >/dev/null 2>&1 && [ "$$(uname -sm)" = "Linux x86_64" ] && echo gpu || echo cpu)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test bench check sheet clean

demo: .venv/installed
	$(BIN)/texto demo -o demo

test: .venv/tested
	$(BIN)/python -m pytest -q -n auto

bench: .venv/installed
	$(BIN)/python benchmarks/run.py

check: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

sheet: .venv/installed
	$(BIN)/python benchmarks/sheet.py

clean:
	rm -rf .venv demo build *.egg-info

.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "texto needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python setup.cfg pyproject.toml
	$(PIP) install --quiet -e '.[$(FAISS)]'
	@touch $@

.venv/tested: .venv/installed
	$(PIP) install --quiet -e '.[$(FAISS),test]'
	@touch $@
