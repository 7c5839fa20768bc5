# make         builds the programs, runs the pipeline, ends with its table
# make help    lists the rest
#
# GNU make runs a pipeline by rules that the `pipeline` program writes from a YAML file: see Sources/Pipeline/PipelineGraph/README.md.

PIPELINE := pipelines/quickstart.yaml
BUILD    := .build
PROGRAMS := $(BUILD)/release
BUILT    := $(BUILD)/programs.stamp

# What a command line may set.
KNOWN := PIPELINE DATA WEIGHTS OUT THREADS SET FORCE STEP V DEEP ROUNDS SEEDS KERNELS AS FILTER RUNS ONLY BENCH_OPTIONS RESULTS SSDD_MARCH INSTALL PROFILE DRY WAIT PREFIX

# Only a command line sets these: an OUT or DATA that happens to be in the environment is none of ours.
given      = $(filter command line,$(origin $(1)))
quote      = '$(subst ','\'',$(1))'
overridden := $(foreach v,$(.VARIABLES),$(if $(call given,$(v)),$(v)))

# Refused before anything is expanded or run: what make or a shell would read as syntax, but in FILTER, a pattern, which is quoted. `value` does not
# expand.
define newline


endef
signs := ; | & < > ` " \ ( ) * ? { } [ ] ~ \# !
has    = $(strip $(foreach sign,$(2),$(findstring $(sign),$(1))))
$(foreach v,$(overridden),$(if $(findstring $$,$(value $(v))),$(error $(v): a value must not have a dollar sign, which make would expand)))
$(foreach v,$(filter-out FILTER,$(overridden)),$(if \
  $(call has,$(value $(v)),$(if $(filter SET,$(v)),$(filter-out *,$(signs)),$(signs)) ')$(findstring $(newline),$(value $(v))),$(error $(v): a value must not have quotes or other signs that a shell reads: $(value $(v)))))
$(if $(call has,$(MAKECMDGOALS),$(filter-out * ?,$(signs)) ' $$ % : =),$(error a goal is the name of a step or of this Makefile, found: $(MAKECMDGOALS)))
unknown := $(filter-out $(KNOWN),$(overridden))
ifneq ($(unknown),)
meant := $(if $(wildcard $(PROGRAMS)/pipeline),$(shell $(PROGRAMS)/pipeline variables $(foreach v,$(KNOWN),--known $(v)) -- $(foreach v,$(unknown),$(call quote,$(v)))))
$(error make knows no variable: $(or $(meant),$(unknown)); known are $(KNOWN))
endif

# Goals of this file. Every other goal is a step of the pipeline (or a file that a step makes); `pipeline` refuses steps with these names.
OWN_GOALS := adopt all bench bench-docs bench-peers build check clean-orphans clean-outputs compare document dot explain format help install lint packages report robust same sanitize show slurm slurm-cancel status steps test torture verify
# `make explain psa` is `make explain STEP=psa`.
STEPS     := $(filter-out $(OWN_GOALS),$(MAKECMDGOALS))
NAME      := $(basename $(notdir $(PIPELINE)))
variables := DATA WEIGHTS OUT THREADS
sets      := $(foreach v,$(variables),$(if $(call given,$(v)),--set $(v)=$(call quote,$($(v))))) $(if $(call given,SET),--override $(call quote,$(SET)))
site      := $(if $(call given,PROFILE),--profile $(call quote,$(PROFILE)))
goals     := $(foreach s,$(STEPS),--goal $(call quote,$(s)))
wishes    := --programs $(PROGRAMS) $(if $(call given,FORCE),--force $(call quote,$(FORCE)))
folder    := $(if $(call given,OUT),$(OUT),runs)/$(NAME)
rules     := $(folder)/rules.mk
pipeline   = $(PROGRAMS)/pipeline

# Debian's OpenBLAS takes the slower Haswell kernels on processors newer than itself unless told otherwise; a user's choice stands.
# Jobs on a cluster take over the environment and may run on other processors, so their programs choose for themselves.
ifndef OPENBLAS_CORETYPE
ifeq ($(filter slurm,$(MAKECMDGOALS)),)
ifneq ($(shell grep -m1 -o avx512f /proc/cpuinfo 2>/dev/null),)
export OPENBLAS_CORETYPE := SkylakeX
endif
endif
endif

# The letters of make's short options come first in MAKEFLAGS.
isDryRun := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))

.PHONY: $(OWN_GOALS) $(STEPS)
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# `pipeline make` plans and then becomes the make that runs the plan; a dry run lists the plan and touches nothing.
ifeq ($(isDryRun),)
define run
	+@exec $(pipeline) make $(call quote,$(PIPELINE)) $(sets) $(site) $(wishes) $(goals) --make $(call quote,$(MAKE)) $(if $(call given,V),--verbose)
endef
else
define run
	+@if [ -x $(pipeline) ]; then $(pipeline) list $(call quote,$(PIPELINE)) $(sets) $(site) $(wishes) $(goals); \
	  else echo '# steps are known once the programs are built'; fi
endef
endif

ifneq ($(filter explain slurm,$(MAKECMDGOALS)),)
$(STEPS): ; @:
else
all steps: $(BUILT)
	$(call run)
ifneq ($(STEPS),)
$(firstword $(STEPS)): steps ;
$(wordlist 2,$(words $(STEPS)),$(STEPS)): $(firstword $(STEPS)) ;
endif
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

# Programs, pipelines and completions for every user of this machine.
install: $(BUILT)
	@$(if $(call given,PREFIX),,echo 'make install PREFIX=DIR'; exit 64;) .ci/install $(PROGRAMS) $(call quote,$(PREFIX))

# The same steps as jobs of Slurm: docs/cluster.md. With WAIT=1 the table follows as after `make`, which finds nothing to do.
usual_site := $(if $(wildcard pipelines/profiles/slurm.yaml),--profile pipelines/profiles/slurm.yaml)
slurm: $(BUILT)
	@$(pipeline) slurm $(call quote,$(PIPELINE)) $(sets) $(wishes) $(goals) $(or $(site),$(usual_site)) \
	  $(if $(call given,DRY),--dry-run) $(if $(call given,WAIT),--wait)
	$(if $(and $(call given,WAIT),$(if $(call given,DRY),,yes)),$(subst $(wishes),--programs $(PROGRAMS),$(call run)))

slurm-cancel: $(BUILT)
	@$(pipeline) slurm-cancel $(call quote,$(PIPELINE)) $(sets) $(site)

status: $(BUILT)
	@$(pipeline) status $(call quote,$(PIPELINE)) $(sets) $(site) $(wishes)

check: $(BUILT)
	@$(pipeline) check $(call quote,$(PIPELINE)) $(sets) $(site) $(if $(call given,DEEP),--deep)

dot verify adopt clean-orphans: $(BUILT)
	@$(pipeline) $@ $(call quote,$(PIPELINE)) $(sets) $(site)

# Written from the declarations of the stages; a test tells when it is out of date.
document: $(BUILT)
	@$(pipeline) document > docs/.stages.md && mv docs/.stages.md docs/stages.md

# After a change that must change no output: run the pipeline before and after it, into two folders.
same: $(BUILT)
	@$(if $(AS),,echo 'make same AS=DIR [OUT=DIR]: the pipeline'"'"'s outputs before a change, and after it'; exit 64;) \
	  $(PROGRAMS)/compare-outputs $(call quote,$(AS)) $(call quote,$(folder))

explain: $(BUILT)
	@$(if $(STEP)$(STEPS),,echo 'make explain STEP'; exit 64;) $(pipeline) explain $(call quote,$(PIPELINE)) $(sets) $(site) $(wishes) $(call quote,$(or $(STEP),$(firstword $(STEPS))))

show: $(BUILT)
	@$(MAKE) --no-print-directory -f $(call quote,$(rules)) show

# Pages over what the pipeline has made so far; runs no step.
report: $(BUILT)
	@$(PROGRAMS)/report page $(call quote,$(PIPELINE)) $(sets) $(if $(call given,THREADS),--threads $(call quote,$(THREADS)))

# Reports of two or more runs side by side. A path with spaces is for the program itself: report compare 'DIR' ...
compare: $(BUILT)
	@$(if $(RUNS),,echo "make compare RUNS='runs/first runs/second'"; exit 64;) $(PROGRAMS)/report compare $(foreach r,$(RUNS),$(call quote,$(r))) --out $(call quote,$(if $(call given,OUT),$(OUT),runs)/comparison)

# Kills makes of a small pipeline at random moments and compares what a last make leaves with an undisturbed run.
torture: $(BUILT)
	@.ci/torture $(PROGRAMS) $(call quote,$(or $(ROUNDS),20))

# The quickstart for several seeds under the kernels of two processors: do its scores come out in the paper's order?
robust: $(BUILT)
	@.ci/robust $(PROGRAMS) $(call quote,$(if $(call given,OUT),$(OUT),runs)/robust) $(call quote,$(or $(SEEDS),1 2 3 4 5)) $(call quote,$(or $(KERNELS),SkylakeX Haswell))

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
	@echo 'make                  build, run the pipeline, print its table'
	@echo 'make STEP...          run these steps and what they need; STEP/CELL is one cell of a step with a matrix'
	@echo 'make -n [STEP...]     list what would run, in order, with reasons and an estimate; builds and runs nothing'
	@echo 'make -j2 THREADS=1    run steps side by side; each takes every core unless THREADS says otherwise'
	@echo 'make status           the steps, done or to run, how long each took, and outputs of steps that are gone'
	@echo 'make slurm [STEP...]  submit what is out of date as jobs of Slurm: docs/cluster.md; WAIT=1 follows them, DRY=1 prints the scripts'
	@echo 'make slurm-cancel     cancel the jobs of the pipeline'
	@echo 'make explain STEP     why the step would run, the chain to the cause, and its command'
	@echo 'make FORCE=STEP       run a step although it is up to date'
	@echo 'make SET="psa.beta=8 seg-*.epochs=12"   parameters for this run'
	@echo 'make V=1              print the commands'
	@echo 'make check            tell everything that is wrong before anything runs; DEEP=1 reads every file'
	@echo 'make verify           compare every output with the digest taken when it was made'
	@echo 'make adopt            move outputs of renamed steps to their new places'
	@echo 'make clean-orphans    remove outputs of steps that the file no longer has'
	@echo 'make same AS=DIR      which data sets, masks and tables differ between DIR, outputs of before a change, and this pipeline'"'"'s'
	@echo 'make document         write docs/stages.md from what the stages declare'
	@echo 'make dot              the graph, for Graphviz'
	@echo 'make show             print the last table again'
	@echo 'make report           pages over what the pipeline has made so far: tables, figures, curves, every image'
	@echo 'make compare RUNS=... reports of two or more runs side by side: RUNS="runs/first runs/second"'
	@echo 'make sanitize         the C code and the importers under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make bench            check, then time our engine (ONLY=NAME, THREADS=N, BENCH_OPTIONS=...)'
	@echo 'make bench-peers      the same in turn with PyTorch, pydensecrf, numpy and Pillow'
	@echo 'make torture ROUNDS=N kill makes at random moments, compare with an undisturbed run'
	@echo 'make robust           the quickstart for SEEDS="1 2 3 4 5" under KERNELS="SkylakeX Haswell": is the order of its rows the same in all?'
	@echo 'make install PREFIX=DIR  programs, pipelines and completions for every user of this machine'
	@echo 'make build | test | lint | format | packages'
	@echo 'make clean-outputs    remove the outputs of the pipeline'
	@echo
	@echo 'Variables, on the command line of any of these:'
	@echo '  PIPELINE=FILE       another pipeline:' $(wildcard pipelines/*.yaml)
	@echo '  DATA=DIR            root of the images, for pipelines that read $$DATA'
	@echo '  WEIGHTS=PATH        pretrained weights, a file or a folder of them, for pipelines that read $$WEIGHTS'
	@echo '  OUT=DIR             folder for outputs; default: runs'
	@echo '  THREADS=N           threads of each step; default: every core'
	@echo '  PROFILE=FILE        what is particular to the cluster; default: pipelines/profiles/slurm.yaml'
	@echo '  INSTALL=no          only tell which packages are missing and the command that installs them'
	@echo '  FILTER=NAME         with make test: only the suites that match'
	@echo '  SSDD_MARCH=NAME     processor to compile for, as the compiler calls it, such as native; another one builds everything again'
	@echo
	@echo 'The grammar of pipeline files is in docs/pipeline.md.'
