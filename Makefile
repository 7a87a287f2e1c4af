# make demo | public | test | test-unit | test-long | test-slurm | test-pacs | bench | reference | docs |
# lint | package | licences | audit | clean.
# Each builds .venv from requirements.txt first.
PYTHON ?= python3
CORES  ?= $(shell nproc)
GPUS   ?= $(if $(shell nvidia-smi -L 2>/dev/null),1,0)
VENV   := .venv
BIN    := $(VENV)/bin
PYTHONFILES := src scripts tests benchmarks docs/conf.py

.PHONY: demo public test test-unit test-long test-slurm test-pacs bench reference docs lint package licences audit format clean

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else 'pgdose needs Python 3.11 to 3.13; give one with: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# With no GPU, gpu=0 tells the network jobs to ask for none, so that they run side by side.
demo: $(VENV)/.installed
	$(BIN)/snakemake --cores $(CORES) --resources gpu=$(GPUS)

# The study of docs/explanation/real-images.md, where parts of its image sets lie; else it says where to get them.
PUBLIC ?= ../shared/real
PUBLIC_STUDY := resources/studies/public.yaml

public: $(VENV)/.installed
	@test -d public -a ! -L public || { test -d $(PUBLIC) && ln -sfn $(PUBLIC) public; } || { \
	  echo "make public: there is no folder $(PUBLIC). $(PUBLIC_STUDY) says where to get each set of images;" \
	    "then say where they lie: make public PUBLIC=folder" >&2; exit 1; }
	$(BIN)/snakemake --cores $(CORES) --resources gpu=$(GPUS) --configfile $(PUBLIC_STUDY)
	$(BIN)/python benchmarks/step_length.py --study $(PUBLIC_STUDY) --out results/public/step_length \
	  --epsilon 0.0005 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2

# A process of tests on each core. A file stays with one process, since its tests share what is
# dear to make, and tests/conftest.py says which files begin: xdist would go by their number of tests.
PYTEST := $(BIN)/pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed
	$(PYTEST)

# Without Snakemake.
test-unit: $(VENV)/.installed
	$(PYTEST) -m unit

# Kills, full disks, flipped bits, and what takes too long for every change.
test-long: $(VENV)/.installed
	$(BIN)/pytest -m long

# On a real Slurm that it installs (Debian, root) and starts for itself; says so where it cannot.
test-slurm: $(VENV)/.installed
	$(BIN)/python tests/long/slurm.py

# Films from a real PACS, Orthanc, that it installs (Debian, root) and starts for itself; says so where
# it cannot.
test-pacs: $(VENV)/.installed
	$(BIN)/python tests/long/pacs.py

# attack_rate and step_length need the networks of the default study.
bench: demo
	$(BIN)/python benchmarks/xray.py
	$(BIN)/python benchmarks/histology.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/attack.py
	$(BIN)/python benchmarks/attack_rate.py
	$(BIN)/python benchmarks/step_length.py

# The generated pages of docs/reference; a test fails while one of them is not up to date.
reference: $(VENV)/.installed
	$(BIN)/python -m pgdose.reference

# The site: open docs/_build/html/index.html. A warning, such as a broken link, is an error. -E reads
# every page anew: an unchanged page with a warning would pass the second time.
docs: $(VENV)/.installed
	$(BIN)/sphinx-build -E -W --keep-going -n -q -d docs/_build/doctrees docs docs/_build/html

lint: $(VENV)/.installed
	$(BIN)/ruff format --check $(PYTHONFILES)
	$(BIN)/ruff check $(PYTHONFILES)
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# Wheel and source distribution in dist/, each tried in an environment of its own. Downloads nothing.
package: $(VENV)/.installed
	$(BIN)/python .ci/package

# The table of docs/reference/licences.md.
licences: $(VENV)/.installed
	$(BIN)/python .ci/licences

# Known vulnerabilities of what requirements.txt pins, by the package index. The tool has an
# environment of its own, which is thrown away: it is no part of the project.
audit:
	rm -rf .audit
	-$(PYTHON) -m venv .audit && .audit/bin/pip install --quiet pip-audit==2.10.1
	.ci/audit .audit/bin/pip-audit
	rm -rf .audit

format: $(VENV)/.installed
	$(BIN)/ruff format $(PYTHONFILES)
	$(BIN)/ruff check --fix $(PYTHONFILES)
	$(BIN)/snakefmt Snakefile workflow

# What a run made. Keeps .venv, and private/: losing the key would change every record_id.
clean:
	rm -rf results work hospital dist build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
