# Every target first makes .venv or finds it current (tools/setup.py), then runs one command in it.
# Paths stay relative, so that a clone whose path holds spaces works.

PYTHON ?= python3
PORT ?= 8888
WORKERS ?= auto
VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup lab test run notebooks doctor peers site linkcheck bench release slides \
	handouts weights ledger wheelhouse wheelhouse-check verify browser-test \
	screenshots clean

help:
	@echo 'make lab         open the course in JupyterLab (PORT=8888)'
	@echo 'make test        lint, unit tests, and every notebook against its stored outputs'
	@echo 'make run         run the notebooks without a browser, write them as pages into build/'
	@echo 'make doctor      what is installed, and whether the course runs here'
	@echo 'make notebooks   rebuild the notebooks from notebooks/source/'
	@echo 'make peers       also install what the attacks are compared with, and nbgrader'
	@echo 'make site        the website, from the executed notebooks, into build/site/'
	@echo 'make linkcheck   whether the links that lead out of the website still stand'
	@echo 'make bench       attacks and training against their floors and other libraries'
	@echo 'make slides      slides of each notebook, into build/slides/ (npm, once, with a network)'
	@echo 'make handouts    each notebook as a PDF on A4, into build/handouts/ (needs Chromium)'
	@echo 'make weights     train the networks again that come with the package'
	@echo 'make ledger      write the tables of the paper in numbers'
	@echo 'make release     an nbgrader course with the exercises, into build/nbgrader/'
	@echo 'make wheelhouse  everything for an installation with no network, into build/wheelhouse/'
	@echo 'make verify      everything a release must pass, in one table (about an hour)'
	@echo 'make browser-test  every widget and notebook in a real JupyterLab and Chromium'
	@echo 'make screenshots   the same, and write docs/images/widgets/'
	@echo 'make clean       delete build/, dist/ and caches (rm -r .venv deletes the environment)'
	@echo
	@echo 'The first of them sets up .venv, which takes some minutes and the network.'
	@echo 'PYTHON=python3.11 chooses the Python (3.11 or newer).'

# A Python named on the command line wins over the one that .venv was made with.
setup:
	@"$(PYTHON)" tools/setup.py $(if $(filter command,$(origin PYTHON)),--use-this-python)

lab: setup
	@$(VENV_PYTHON) -m advtutor lab --port "$(PORT)"

test: setup
	$(VENV_PYTHON) -m pytest -n $(WORKERS)

run: setup
	@$(VENV_PYTHON) -m tools.notebooks.run

notebooks: setup
	$(VENV_PYTHON) -m tools.notebooks.build

doctor: setup
	@$(VENV_PYTHON) -m advtutor doctor

peers:
	@"$(PYTHON)" tools/setup.py --peers $(if $(filter command,$(origin PYTHON)),--use-this-python)

site:
	@"$(PYTHON)" tools/setup.py --site $(if $(filter command,$(origin PYTHON)),--use-this-python)
	@$(VENV_PYTHON) -m tools.pages.website

linkcheck: site
	@$(VENV_PYTHON) -m tools.pages.website --linkcheck

bench: peers
	$(VENV_PYTHON) benchmarks/bench.py

release: setup
	@$(VENV_PYTHON) -m tools.notebooks.nbgrader

slides: setup
	@$(VENV_PYTHON) -m tools.pages.slides

handouts: setup
	@$(VENV_PYTHON) -m tools.pages.handouts

weights: setup
	$(VENV_PYTHON) -m tools.ledger.defences
	$(VENV_PYTHON) -m tools.ledger.weights

ledger: setup
	$(VENV_PYTHON) -m tools.ledger.tables

wheelhouse: setup
	@$(VENV_PYTHON) -m tools.release.wheelhouse

wheelhouse-check: setup
	@$(VENV_PYTHON) -m tools.release.wheelhouse --check

verify: setup
	@$(VENV_PYTHON) -m tools.release.verify

browser-test screenshots:
	@"$(PYTHON)" tools/setup.py --browser $(if $(filter command,$(origin PYTHON)),--use-this-python)
	ADVTUTOR_BROWSER=required $(if $(filter screenshots,$@),ADVTUTOR_SCREENSHOTS=1) \
		$(VENV_PYTHON) -m pytest tests/browser --durations=5

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +
