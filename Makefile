# aicc: set-up, demo, tests, lint and benchmarks. `make help` lists the targets.
# Needs Python 3.10 or newer and a C compiler; everything else goes into $(VENV).

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)
BIN    := $(VENV)/bin
RUN    := $(BIN)/python

.PHONY: help demo test lit pytest check lint types docs conformance conformance-page bench cases-cuda test-cuda bench-cuda device-cuda page-cuda wheel clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

# One stamp per set of extras, renewed when the requirements change. The editable install maps the source
# folders, so new files need no reinstall.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "aicc needs Python 3.10 or newer (set PYTHON=…)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || $(PYTHON) -m virtualenv -q $(VENV) || \
	  { rm -rf $(VENV); echo "no module venv: apt install python3-venv" >&2; exit 1; }

$(VENV)/.aicc: $(BIN)/python pyproject.toml setup.py
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.'
	@touch $@

$(VENV)/.test: $(VENV)/.aicc
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,dev]'
	@touch $@

demo: $(VENV)/.aicc  ## build a small network, compile it, run it, compare it with the onnx reference
	@PATH="$(abspath $(BIN)):$$PATH" $(RUN) -m aicc.tools.demo

test: $(VENV)/.test  ## lit and pytest: what CI runs
	@PATH="$(abspath $(BIN)):$$PATH"; export PATH; status=0; \
	$(BIN)/lit -q -j $(JOBS) test || status=1; \
	$(RUN) -m pytest -q -n $(JOBS) $(PYTEST_ARGS) || status=1; \
	exit $$status

lit: $(VENV)/.test  ## the IR tests alone
	@$(BIN)/lit -v -j $(JOBS) test

pytest: $(VENV)/.test  ## the pytest tests alone
	@$(RUN) -m pytest -q -n $(JOBS) $(PYTEST_ARGS)

check: lint types  ## ruff and mypy --strict

lint: $(VENV)/.dev
	@$(BIN)/ruff check .

# mypy follows files, not import hooks: it sees the package as a folder of links.
types: $(VENV)/.dev
	@rm -rf build/types && mkdir -p build/types/aicc
	@ln -s $(abspath compiler)/* $(abspath dialects) $(abspath passes) $(abspath tools) build/types/aicc/
	@MYPYPATH=build/types $(BIN)/mypy -p aicc

docs: $(VENV)/.aicc  ## regenerate the generated pages of docs/
	@$(RUN) -m aicc.tools.docs

conformance: $(VENV)/.aicc  ## all official ONNX backend tests, as they are
	@$(RUN) -m aicc.tools.conformance --jobs $(JOBS) $(CONFORMANCE_ARGS)

conformance-page: $(VENV)/.aicc  ## these tests also with every size named and with constant inputs; writes docs/conformance.md
	@$(RUN) -m aicc.tools.conformance --jobs $(JOBS) --inputs static,dynamic,constant --page docs/conformance.md $(CONFORMANCE_ARGS)

# BENCH_ARGS='--resume' goes on after an interrupt, BENCH_ARGS='--write --models lstm --against iree' renews a part.
bench: $(VENV)/.aicc  ## against other runtimes (installed below aicc's cache); writes docs/performance.md, kernels.md and predictions.md
	@$(RUN) -m benchmarks.run $(BENCH_ARGS)
	@$(RUN) -m benchmarks.kernels
	@$(RUN) -m benchmarks.predictions

# Compiled here, run where the GPU is: build/cuda and the source tree are copied there. CUDA_ARGS='--mcpu sm_80'.
cases-cuda: $(VENV)/.test  ## compiles what test-cuda and bench-cuda run, into build/cuda
	@$(RUN) -m benchmarks.cuda.cases $(CUDA_ARGS)
	@$(RUN) -m benchmarks.cuda.networks $(CUDA_ARGS)

# Without the environment: these need a driver, $(PYTHON) and NumPy alone.
test-cuda:  ## runs build/cuda on a GPU and compares the numbers
	@test -f build/cuda/index.json || $(MAKE) cases-cuda
	@$(PYTHON) -m benchmarks.cuda.check $(CUDA_ARGS)

# CUDA_NETWORK_ARGS='--compiled reduce-overhead' where torch.compile is to be ready sooner.
bench-cuda:  ## times build/cuda on a GPU, beside torch and JAX where they are installed
	@test -f build/cuda/index.json || $(MAKE) cases-cuda
	@status=0; $(PYTHON) -m benchmarks.cuda.speed $(CUDA_ARGS) || status=1; \
	$(PYTHON) -m benchmarks.cuda.network_speed $(CUDA_ARGS) $(CUDA_NETWORK_ARGS) || status=1; \
	exit $$status

# For whoever has a device for a while: goes on after a failure, and keeps what was printed.
device-cuda:  ## test-cuda, bench-cuda and page-cuda, one after the other; what they print also goes to build/cuda/*.log
	@test -f build/cuda/index.json || $(MAKE) cases-cuda
	@status=0; for step in test-cuda bench-cuda page-cuda; do \
	  echo "== $$step"; \
	  { $(MAKE) --no-print-directory $$step 2>&1; echo $$? > build/cuda/status; } | tee build/cuda/$$step.log; \
	  test "$$(cat build/cuda/status)" = 0 || { echo "== $$step failed"; status=1; }; \
	done; exit $$status

page-cuda:  ## docs/performance-cuda.md from what bench-cuda measured
	@$(PYTHON) -m benchmarks.cuda.report

wheel: $(VENV)/.aicc  ## build/wheel/aicc-*.whl
	@$(RUN) -m pip wheel -q --no-deps -w build/wheel .

clean:  ## remove what make made, the environment included
	rm -rf $(VENV) build dist *.egg-info
