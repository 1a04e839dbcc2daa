# Two commands matter: `make book` and `make test`. Each sets itself up on a fresh clone.
PYTHON ?= python3
EDITION ?= learner
PORT ?= 8000
RUN := .venv/bin/python -m
AUTHOR := $(RUN) unrolled.authoring

.DEFAULT_GOAL := help
.PHONY: help ready book test serve lab bench studies sync lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

ready:
	@$(PYTHON) unrolled/authoring/bootstrap.py

book: ready ## build the site into _build/html (EDITION=class: without solutions, into _build/html-class)
	@$(AUTHOR) book --edition $(EDITION)

test: ready ## everything CI checks (AGAIN=1: also when nothing changed since it passed)
	@$(AUTHOR) test $(if $(AGAIN),--again)

serve: ready ## build the site and serve it on http://localhost:8000 (PORT=…)
	@$(AUTHOR) serve --edition $(EDITION) --port $(PORT)

lab: ready ## open the labs in JupyterLab
	@cd labs && ../.venv/bin/jupyter lab

bench: ready ## measure speed against torch (CORE=Haswell: with that kernel too; CHECK=1: all peers)
	@$(AUTHOR) speed $(addprefix --core ,$(CORE))
	@$(if $(CHECK),env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OMP_NUM_THREADS=1 \
		OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(RUN) pytest -q -n 0 tests/bench_*.py)

studies: ready ## run the long computations that pages plot (NAMES=depth, AGAIN=1, PROCESSES=1)
	@$(AUTHOR) studies $(NAMES) $(if $(AGAIN),--again) $(addprefix --processes ,$(PROCESSES))

sync: ready ## regenerate the package from the chapters, and the labs from the solutions
	@$(AUTHOR) sync

lock: ready ## compile pyproject.toml to requirements.txt (UPGRADE=1: newest versions; UPGRADE=package)
	@$(AUTHOR) lock $(if $(UPGRADE),--upgrade $(UPGRADE))

clean: ## remove everything that was built, the environment too
	rm -rf .venv _build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
