# Every command of the project. Each works alone after a clone: it makes .venv and installs the package first.
#
#   make demo      simulate a PACS export, classify it, name the report
#   make demo-results  the demo's table, and which of it is wrong -> results/demo.json
#   make docs-output  what the documents show of commands, run anew -> results/outputs.json; BLOCKS="sort swap" for some (names of template/scenes/)
#   make test      run the tests
#   make test-apps the tests that need the real MONAI Label and the real Deploy SDK (in environments of their own)
#   make check     lint, format, types, rendered bundles
#   make bench     seconds per series and stage -> results/bench.json, and into the README
#   make scale     memory, ledger and pages of 5000 simulated series -> results/scale.json (about half an hour)
#   make audit     headers against images, of the demo and of public DICOM (needs the shared data) -> results/audit-*.json
#   make balance   files in = files in volumes + files explained, of the demo and of public DICOM (shared data) -> results/balance.json
#   make header    header labels beside BidsGuess and dcm-classifier (needs the shared data) -> results/header.json
#   make bundles   render the six bundles from template/
#   make thresholds  choose the bundles' thresholds on real (needs the shared data) and simulated volumes -> results/thresholds.json, cards
#   make exports   bundles to TorchScript and ONNX, scores compared with PyTorch's -> results/exports.json, and into the how-to
#   make label     serve the bundles in MONAI Label on 127.0.0.1; STUDIES=FOLDER, by default the demo export
#   make deploy-demo  run the MONAI Deploy application on STUDIES=FOLDER, by default the demo export -> runs/deploy
#   make deploy-map   the folder that a MONAI Application Package (MAP) is made of -> runs/map
#   make validate  figures on real validation volumes (needs the shared data) and simulated ones -> results/validation*.json, cards;
#                  pages of figures in runs/validation/figures and runs/validation-simulated/figures

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEER := .venv-peer
DATA := $(or $(MRCLASS_SHARED_DATA),../shared/data)
# 3: done, but some series could not be read; the demo holds one on purpose
ALLOW_UNREADABLE := || test $$? -eq 3

# MONAI Label, in an environment of its own: it holds pydicom and numpy back (apps/monai_label/constraints.txt)
LABEL := .venv-label
LABEL_STAMP := $(LABEL)/.installed
LABEL_APP := apps/monai_label
STUDIES ?= demo/export

# The MONAI Deploy App SDK, in an environment of its own: some GB that nothing else needs (apps/monai_deploy/constraints.txt)
DEPLOY := .venv-deploy
DEPLOY_STAMP := $(DEPLOY)/.installed
DEPLOY_APP := apps/monai_deploy

.DEFAULT_GOAL := help
.PHONY: help install demo demo-results docs-output test test-apps label check bench scale audit balance public header bundles thresholds exports \
	validate clean
.PHONY: test-label test-deploy deploy-demo deploy-map

help:
	@sed -n 's/^#   //p' Makefile

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what it needs into $(VENV): about 7 GB with PyTorch's CUDA build, some minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

install: $(STAMP)

demo: $(STAMP)
	rm -rf demo/out
	@echo "Simulating two patients, then looking at their 25 series: a few minutes."
	$(BIN)/mrclass phantom demo --demo
	$(BIN)/mrclass classify demo/export -o demo/out --bundles bundles $(ALLOW_UNREADABLE)
	@echo "Open demo/out/report.html in a browser. What was simulated stands in demo/truth.csv."

demo-results: $(STAMP)
	rm -rf runs/demo
	$(BIN)/mrclass phantom runs/demo --demo
	$(BIN)/mrclass classify runs/demo/export -o runs/demo/out --bundles bundles > runs/demo/table.txt $(ALLOW_UNREADABLE)
	$(BIN)/mrclass evaluate runs/demo/out --truth runs/demo/truth.csv --where expected_status=done --data simulated \
		-o runs/demo/figures.json --page runs/demo/figures > runs/demo/evaluation.txt
	$(BIN)/python template/demo.py runs/demo -o results/demo.json
	$(BIN)/python template/render.py --write

docs-output: demo
	$(BIN)/python template/record.py $(BLOCKS)
	$(BIN)/python template/render.py --write

test: $(STAMP)
	OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python -m pytest $(PYTEST_ARGS)

$(LABEL_STAMP): pyproject.toml $(LABEL_APP)/constraints.txt $(LABEL_APP)/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' || { echo \
		"MONAI Label needs Python 3.10 or 3.11 (it imports distutils): make label PYTHON=python3.11" >&2; false; }
	test -x $(LABEL)/bin/python || $(PYTHON) -m venv $(LABEL)
	$(LABEL)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(LABEL_APP)/constraints.txt -r $(LABEL_APP)/requirements.txt --editable .
	$(LABEL)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(LABEL_APP)/constraints.txt --no-deps monailabel
	touch $@

demo/export: | $(LABEL_STAMP)
	$(LABEL)/bin/mrclass phantom demo --demo

label: $(LABEL_STAMP) $(filter demo/export,$(STUDIES))
	$(LABEL)/bin/python $(LABEL_APP)/serve.py '$(STUDIES)' $(LABEL_ARGS)

test-apps: test-label test-deploy

test-label: $(LABEL_STAMP)
	$(LABEL)/bin/python -m pip install --quiet --disable-pip-version-check 'pytest>=8'
	OMP_NUM_THREADS=1 $(LABEL)/bin/python -m pytest tests/apps/test_label_server.py $(PYTEST_ARGS)

$(DEPLOY_STAMP): pyproject.toml $(DEPLOY_APP)/constraints.txt $(DEPLOY_APP)/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { echo \
		"The MONAI Deploy App SDK needs Python 3.10 to 3.13: make deploy-demo PYTHON=python3.12" >&2; false; }
	test -x $(DEPLOY)/bin/python || $(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(DEPLOY_APP)/constraints.txt -r $(DEPLOY_APP)/requirements.txt --editable .
	touch $@

deploy-demo: $(DEPLOY_STAMP)
	$(if $(filter demo/export,$(STUDIES)),$(DEPLOY)/bin/mrclass phantom demo --demo)
	rm -rf runs/deploy
	HOLOSCAN_LOG_LEVEL=ERROR $(DEPLOY)/bin/python $(DEPLOY_APP) -i '$(STUDIES)' -o runs/deploy -m bundles -l WARN
	@for file in runs/deploy/*.dcm; do echo "Structured Report: $$file"; done
	@echo "JSON: runs/deploy/mrclass.json"
	@echo "Report: runs/deploy/report/report.html"

deploy-map: $(DEPLOY_STAMP)
	$(DEPLOY)/bin/python $(DEPLOY_APP)/lay_out.py runs/map

# dsrdump is the independent reader of the Structured Reports: DCMTK's (apt-get install dcmtk, brew install dcmtk)
test-deploy: deploy-demo
	@command -v dsrdump > /dev/null || echo "dsrdump is not there: its tests will be skipped (apt-get install dcmtk)" >&2
	$(DEPLOY)/bin/python -m pip install --quiet --disable-pip-version-check 'pytest>=8'
	OMP_NUM_THREADS=1 MRCLASS_DEPLOY_OUT=runs/deploy $(DEPLOY)/bin/python -m pytest tests/apps/test_deploy_run.py $(PYTEST_ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python template/render.py --check

bench: $(STAMP)
	$(BIN)/python -m mrclass.bench -o results/bench.json
	$(BIN)/python template/render.py --write

scale: $(STAMP)
	$(BIN)/python -m mrclass.scale --work runs/scale -o results/scale.json
	$(BIN)/python -m mrclass.scale --work runs/empty --empty 100000 -o results/scale.json
	$(BIN)/python template/render.py --write

# A run of the public DICOM, where it is at hand; `make audit balance` makes it once.
public: $(STAMP)
	rm -rf runs/dicom
	$(if $(wildcard $(DATA)/dicom),$(BIN)/mrclass classify $(DATA)/dicom -o runs/dicom --bundles bundles $(ALLOW_UNREADABLE))

audit: demo public
	$(BIN)/mrclass audit demo/out --json results/audit-demo.json
	$(if $(wildcard $(DATA)/dicom),$(BIN)/mrclass audit runs/dicom --json results/audit-public.json)
	$(BIN)/python template/render.py --write

balance: demo public
	$(BIN)/python -m mrclass.balance demo=demo/out $(if $(wildcard $(DATA)/dicom),public=runs/dicom) -o results/balance.json
	$(BIN)/python template/render.py --write

# dcm-classifier lives in an environment of its own: it pins nothing, and brings pydicom, ITK and onnxruntime as it likes.
header: $(STAMP)
	test -x $(PEER)/bin/python || $(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check -r studies/header/peer.txt
	$(BIN)/python studies/header/measure.py $(DATA)/dicom --peer $(PEER)/bin/python -o results/header.json
	$(BIN)/python template/render.py --write

bundles: $(STAMP)
	$(BIN)/python template/render.py --write

# Simulated subjects other than those of `make validate`, whose figures then are of volumes nothing was chosen on.
thresholds: $(STAMP)
	rm -rf runs/choice runs/choice-simulated runs/choice-phantom
	$(BIN)/mrclass phantom runs/choice-phantom --subjects 3 --seed 9100
	$(BIN)/mrclass classify $(DATA)/volumes/validation -o runs/choice --bundles bundles $(ALLOW_UNREADABLE)
	$(BIN)/mrclass classify runs/choice-phantom -o runs/choice-simulated --bundles bundles $(ALLOW_UNREADABLE)
	$(BIN)/mrclass calibrate --run runs/choice $(DATA)/volumes/catalog.csv real role=validation \
		--run runs/choice-simulated runs/choice-phantom/truth.csv simulated -o results/thresholds.json
	$(BIN)/python template/thresholds.py results/thresholds.json
	$(BIN)/python template/render.py --write

exports: $(STAMP)
	$(BIN)/mrclass bundles export --bundles bundles -o results/exports.json \
		$(if $(wildcard $(DATA)/volumes/validation),--on $(DATA)/volumes/validation --limit 14)
	$(BIN)/python template/render.py --write

validate: $(STAMP)
	rm -rf runs/validation
	$(BIN)/mrclass classify $(DATA)/volumes/validation -o runs/validation --bundles bundles $(ALLOW_UNREADABLE)
	$(BIN)/mrclass evaluate runs/validation --truth $(DATA)/volumes/catalog.csv --where role=validation \
		--data real -o results/validation.json --page runs/validation/figures
	rm -rf runs/validation-simulated runs/phantom
	$(BIN)/mrclass phantom runs/phantom --subjects 2 --seed 9000
	$(BIN)/mrclass classify runs/phantom -o runs/validation-simulated --bundles bundles $(ALLOW_UNREADABLE)
	$(BIN)/mrclass evaluate runs/validation-simulated --truth runs/phantom/truth.csv --data simulated \
		-o results/validation-simulated.json --page runs/validation-simulated/figures
	$(BIN)/python template/failures.py runs/validation-simulated runs/phantom/truth.csv
	$(BIN)/python template/render.py --write

clean:
	rm -rf $(VENV) $(LABEL) $(DEPLOY) $(PEER) build dist demo runs
