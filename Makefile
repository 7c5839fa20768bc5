# make         builds the programs, runs the pipeline, ends with its table
# make help    lists the rest
#
# GNU make runs a pipeline by rules that the `pipeline` program writes from a YAML file: see Sources/PipelineGraph/README.md.

PIPELINE := pipelines/quickstart.yaml
BUILD    := .build
PROGRAMS := $(BUILD)/release
BUILT    := $(BUILD)/programs.stamp

# Goals of this file. Every other goal is a step of the pipeline (or a file that a step makes); `pipeline` refuses steps with these names.
OWN_GOALS := all bench bench-docs bench-peers build check clean-outputs document dot explain format help lint packages same sanitize show status steps test
STEPS     := $(filter-out $(OWN_GOALS),$(MAKECMDGOALS))
NAME      := $(basename $(notdir $(PIPELINE)))

# Only a command line sets these: an OUT or DATA that happens to be in the environment is none of ours.
given      = $(filter command line,$(origin $(1)))
variables := DATA WEIGHTS OUT THREADS
quote      = '$(subst ','\'',$(1))'
sets      := $(foreach v,$(variables),$(if $(call given,$(v)),--set $(v)=$(call quote,$($(v)))))
goals     := $(foreach s,$(STEPS),--goal $(call quote,$(s)))
folder    := $(if $(call given,OUT),$(OUT),runs)/$(NAME)
rules     := $(folder)/rules.mk
pipeline   = $(PROGRAMS)/pipeline

# Debian's OpenBLAS takes the slower Haswell kernels on processors newer than itself unless told otherwise; a user's choice stands.
ifndef OPENBLAS_CORETYPE
ifneq ($(shell grep -m1 -o avx512f /proc/cpuinfo 2>/dev/null),)
export OPENBLAS_CORETYPE := SkylakeX
endif
endif

# The letters of make's short options come first in MAKEFLAGS.
isDryRun := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))

.PHONY: $(OWN_GOALS) $(STEPS)
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

all steps: $(BUILT)
	$(call run,$(STEPS))

ifneq ($(STEPS),)
$(firstword $(STEPS)): steps ;
$(wordlist 2,$(words $(STEPS)),$(STEPS)): $(firstword $(STEPS)) ;
endif

# Rules and stamps are written anew each time, and only where they differ. A dry run writes rules to a place of its own and touches no stamp.
ifeq ($(isDryRun),)
define run
	@$(pipeline) rules $(call quote,$(PIPELINE)) $(sets) --programs $(PROGRAMS) --output $(call quote,$(rules)) $(goals)
	+@$(MAKE) --no-print-directory -f $(call quote,$(rules)) $(1)
endef
else
define run
	+@if [ -x $(pipeline) ]; then \
	  rules=$$(mktemp) && $(pipeline) rules --dry-run $(call quote,$(PIPELINE)) $(sets) --programs $(PROGRAMS) --output $$rules $(goals) \
	  && $(MAKE) --no-print-directory -f $$rules $(1); status=$$?; rm -f $$rules; exit $$status; \
	  else echo '# steps are known once the programs are built'; fi
endef
endif

build: $(BUILT)

# Built for another processor: build again.
machine := $(subst ',,$(SSDD_MARCH))
ifneq ($(shell cat $(BUILT) 2>/dev/null),SSDD_MARCH=$(machine))
.PHONY: $(BUILT)
endif

# Folders are among the prerequisites, so that a file that was removed counts as a change.
$(BUILT): Package.swift $(shell find Sources Stages -not -name '.*' -not -name '*.md' 2>/dev/null)
	@.ci/packages
	swift build -c release --scratch-path $(BUILD)
	@echo 'SSDD_MARCH=$(machine)' > $@

packages:
	@.ci/packages

check status dot: $(BUILT)
	@$(pipeline) $@ $(call quote,$(PIPELINE)) $(sets)

# Written from the declarations of the stages; a test tells when it is out of date.
document: $(BUILT)
	@$(pipeline) document > docs/.stages.md && mv docs/.stages.md docs/stages.md

# After a change that must change no output: run the pipeline before and after it, into two folders.
same: $(BUILT)
	@$(if $(AS),,echo 'make same AS=DIR [OUT=DIR]: the pipeline'"'"'s outputs before a change, and after it'; exit 64;) \
	  $(PROGRAMS)/compare-outputs $(call quote,$(AS)) $(call quote,$(folder))

explain: $(BUILT)
	@$(if $(STEP),,echo 'make explain STEP=name'; exit 64;) $(pipeline) explain $(call quote,$(PIPELINE)) $(sets) $(call quote,$(STEP))

show: $(BUILT)
	@$(MAKE) --no-print-directory -f $(call quote,$(rules)) show

# Tests run the built programs too. FILTER=Name runs the suites whose names match.
test:
	@.ci/packages
	swift build -c release --scratch-path $(BUILD) --build-tests
	swift test -c release --scratch-path $(BUILD) --skip-build --disable-xctest $(if $(FILTER),--filter $(call quote,$(FILTER)))

# Cases in ONLY (names, by spaces); further options in BENCH_OPTIONS, such as --repeat 9 or --growth.
RESULTS   := $(BUILD)/bench
benchmark = $(PROGRAMS)/bench run $(foreach name,$(ONLY),--only $(call quote,$(name))) $(if $(call given,THREADS),--threads $(call quote,$(THREADS))) $(BENCH_OPTIONS)
define build_bench
@.ci/packages
swift build -c release --scratch-path $(BUILD) --product bench
@mkdir -p $(RESULTS)
endef

bench:
	$(build_bench)
	$(benchmark) --json $(RESULTS)/bench.json

# The peers live in a virtual environment of their own. Packages come from where pip is set up to look (pip.conf, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL);
# an index with builds of PyTorch for CPU alone saves some GB.
bench-peers: $(BUILD)/peers/ready
	$(build_bench)
	$(benchmark) --peer $(BUILD)/peers/bin/python --json $(RESULTS)/peers.json

# Measures what docs/performance.md shows, but for the peers, and writes its tables; takes the peers' from the last bench-peers RESULTS=...
bench-docs: RESULTS := Benchmarks/results
bench-docs:
	$(build_bench)
	$(benchmark) --json $(RESULTS)/bench.json
	$(benchmark) --against-threads 1 --json $(RESULTS)/threads.json
	$(benchmark) --growth --json $(RESULTS)/growth.json
	$(PROGRAMS)/bench roofline >$(RESULTS)/roofline.txt
	$(PROGRAMS)/bench paper $(RESULTS)/bench.json --scaling $(RESULTS)/threads.json >$(RESULTS)/paper.txt
	$(PROGRAMS)/bench document --results $(RESULTS)

$(BUILD)/peers/ready: Benchmarks/peers/requirements.txt
	python3 -m venv $(BUILD)/peers
	$(BUILD)/peers/bin/pip install --quiet -r $<
	@touch $@

# All C code, the importers, the kernels and the reading of HDF5 under AddressSanitizer and UndefinedBehaviorSanitizer. What libraries keep until the end is no leak.
SANITIZED := $(BUILD)/sanitize
sanitize: export ASAN_OPTIONS := detect_leaks=0:abort_on_error=1
sanitize: export UBSAN_OPTIONS := halt_on_error=1:print_stacktrace=1
sanitize: export SWIFT_BACKTRACE := enable=no
sanitize:
	@.ci/packages
	swift build -c release --scratch-path $(SANITIZED) --sanitize address --sanitize undefined --product fuzz
	$(SANITIZED)/release/fuzz importers 5000
	$(SANITIZED)/release/fuzz images 5000
	$(SANITIZED)/release/fuzz kernels 5000
	$(SANITIZED)/release/fuzz maps 200
	$(SANITIZED)/release/fuzz checkpoints 200

lint:
	@swift format --version >/dev/null || { echo 'this Swift has no `swift format`; it comes with the toolchains from 6.0 on' >&2; exit 1; }
	swift format lint --strict --recursive --parallel Package.swift Sources Stages Tests $(wildcard Benchmarks)
	@.ci/sizes

format:
	swift format format --in-place --recursive --parallel Package.swift Sources Stages Tests $(wildcard Benchmarks)

# Removes what this pipeline made, and nothing that this project did not write.
clean-outputs:
	@if [ -e $(call quote,$(folder)) ] && [ ! -e $(call quote,$(rules)) ]; then \
	  echo "$(folder) has no rules.mk: not a folder that make wrote, left alone" >&2; exit 1; fi
	rm -rf $(call quote,$(folder))

help:
	@echo 'make                  build, run $(PIPELINE), print its table'
	@echo 'make STEP...          run these steps and what they need; STEP/CELL is one cell of a step with a matrix'
	@echo 'make -n [STEP...]     tell what would run; builds and runs nothing'
	@echo 'make -j2 THREADS=1    run steps side by side; each takes every core unless THREADS says otherwise'
	@echo 'make status           the steps, done or to run, and how long each took'
	@echo 'make explain STEP=X   why step X would run, and its command'
	@echo 'make check            tell everything that is wrong in the pipeline file'
	@echo 'make same AS=DIR      which data sets, masks and tables differ between DIR, outputs of before a change, and $(folder)'
	@echo 'make document         write docs/stages.md from what the stages declare'
	@echo 'make dot              the graph, for Graphviz'
	@echo 'make show             print the last table again'
	@echo 'make sanitize         the C code and the importers under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make bench            check, then time our engine (ONLY=NAME, THREADS=N, BENCH_OPTIONS=...)'
	@echo 'make bench-peers      the same in turn with PyTorch, pydensecrf, numpy and Pillow'
	@echo 'make build | test | lint | format | packages'
	@echo 'make clean-outputs    remove the outputs of the pipeline ($(folder))'
	@echo
	@echo 'Variables, on the command line of any of these:'
	@echo '  PIPELINE=FILE       another pipeline:  $(wildcard pipelines/*.yaml)'
	@echo '  DATA=DIR            root of the images, for pipelines that read $$DATA'
	@echo '  WEIGHTS=PATH        pretrained weights, a file or a folder of them, for pipelines that read $$WEIGHTS'
	@echo '  OUT=DIR             folder for outputs; default: runs'
	@echo '  THREADS=N           threads of each step; default: every core'
	@echo '  INSTALL=no          only tell which packages are missing and the command that installs them'
	@echo '  FILTER=NAME         with make test: only the suites that match'
	@echo '  SSDD_MARCH=NAME     processor to compile for, as the compiler calls it, such as native; another one builds everything again'
