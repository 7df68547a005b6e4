# Two commands on a fresh machine: `make demo` (install and run the main job) and `make test` (install and pass the tests).
#   PYTHON=python3.12        which Python makes the environment (3.11 or newer)
#   TORCH_INDEX=https://...  where to take another build of torch from (see README); default: the one pip offers

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test install clean

demo: $(INSTALLED)
	$(BIN)/nsp demo --out nsp-demo

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadfile

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "found $$($(PYTHON) --version), expected Python 3.11 or newer: make demo PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(BIN)/pip install -c constraints.txt --index-url $(TORCH_INDEX) torch)
	$(BIN)/pip install -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) nsp-demo
