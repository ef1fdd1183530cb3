# Each command makes .venv if it is missing, installs nox as constraints.txt pins it, and runs a nox session.
#   make demo [INPUT=bundle-or-folder]   make demo-servers [INPUT=…] [KILL=postgres|s3|smtp|vault|all|none]
#   make test   make lint   make types   make bench [AREA=marks]   make docs   make walk

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
NOX := .venv/bin/nox

.PHONY: demo demo-servers test lint types bench docs walk nox
.DEFAULT_GOAL := test

demo: .venv/.nox-ready
	@$(NOX) -s demo -- $(if $(INPUT),"$(INPUT)")

demo-servers: .venv/.nox-ready
	@$(NOX) -s servers -- demo $(if $(KILL),--kill "$(KILL)") $(if $(INPUT),"$(INPUT)")

test: .venv/.nox-ready
	@$(NOX) -s tests

lint: .venv/.nox-ready
	@$(NOX) -s lint

types: .venv/.nox-ready
	@$(NOX) -s types

bench: .venv/.nox-ready
	@$(NOX) -s bench -- $(AREA)

docs: .venv/.nox-ready
	@$(NOX) -s docs

walk: .venv/.nox-ready
	@$(NOX) -s walk

nox: .venv/.nox-ready

# A second run is fast: the stamp is older than constraints.txt only when a pin changed.
.venv/.nox-ready: constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian: python3-venv)"; exit 2; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt nox
	@touch $@
