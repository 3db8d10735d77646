# Every target first makes .venv or finds it current (tools/setup.py), then runs one command in it.
# Paths stay relative, so that a clone whose path holds spaces works.

PYTHON ?= python3
PORT ?= 8888
WORKERS ?= auto
VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help help-all setup lab test run notebooks doctor peers site linkcheck bench nbgrader slides \
	handouts weights ledger wheelhouse wheelhouse-check verify ranges browser-test \
	screenshots clean

help:
	@echo 'make lab        Open the course in JupyterLab (PORT=8888 chooses the port).'
	@echo 'make doctor     Say what is installed, and whether the course runs here.'
	@echo 'make run        Run the notebooks without a browser and write them as pages into build/.'
	@echo 'make test       Check the code, and run every notebook against its stored outputs.'
	@echo 'make site       Build the website from the executed notebooks, into build/site/.'
	@echo 'make slides     Make slides of each notebook (npm, once, with a network).'
	@echo 'make handouts   Print each notebook as a PDF on A4 (needs Chromium).'
	@echo 'make nbgrader   Write the exercises as an nbgrader course, into build/nbgrader/.'
	@echo 'make clean      Delete build/, dist/ and caches, but not .venv.'
	@echo 'make help-all   List what maintainers need as well.'
	@echo
	@echo 'The first of them sets up .venv, which takes some minutes and the network.'
	@echo 'PYTHON=python3.11 chooses the Python (3.11 or newer).'

help-all: help
	@echo
	@echo 'For those who change the course:'
	@echo 'make setup             Make .venv, or find it current.'
	@echo 'make notebooks         Rebuild the notebooks that notebooks/source/ has changed.'
	@echo 'make ledger            Write the tables of the paper in numbers.'
	@echo 'make weights           Train the networks again that come with the package.'
	@echo 'make peers             Install what the attacks are compared with, and nbgrader.'
	@echo 'make bench             Time attacks and training against floors and other libraries.'
	@echo 'make browser-test      Try every widget and notebook in a real JupyterLab and Chromium.'
	@echo 'make screenshots       Do the same, and take the pictures in docs/images/ anew.'
	@echo 'make linkcheck         Look whether the links that lead out of the website still stand.'
	@echo 'make wheelhouse        Collect what an installation with no network needs.'
	@echo 'make wheelhouse-check  Install from that, with no index to ask.'
	@echo 'make verify            Run everything a release must pass (about an hour).'
	@echo 'make ranges            Try the oldest and the newest versions that pyproject.toml permits (torch as here).'

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

nbgrader: setup
	@$(VENV_PYTHON) -m tools.notebooks.nbgrader

slides: setup
	@$(VENV_PYTHON) -m tools.pages.slides

handouts: setup
	@$(VENV_PYTHON) -m tools.pages.handouts

weights: setup
	$(VENV_PYTHON) -m tools.ledger.weights

ledger: setup
	$(VENV_PYTHON) -m tools.ledger.tables

wheelhouse: setup
	@$(VENV_PYTHON) -m tools.release.wheelhouse

wheelhouse-check: setup
	@$(VENV_PYTHON) -m tools.release.wheelhouse --check

verify ranges:
	@"$(PYTHON)" tools/setup.py --release $(if $(filter command,$(origin PYTHON)),--use-this-python)
	@$(VENV_PYTHON) -m nox --tags $@

browser-test screenshots:
	@"$(PYTHON)" tools/setup.py --browser $(if $(filter command,$(origin PYTHON)),--use-this-python)
	ADVTUTOR_BROWSER=required $(if $(filter screenshots,$@),ADVTUTOR_SCREENSHOTS=1) \
		$(VENV_PYTHON) -m pytest tests/browser --durations=5

clean:
	rm -rf build dist .nox .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . \( -path ./.venv -o -path ./my-course \) -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +
