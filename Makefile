# The two commands of the README: `make demo` (the main job) and `make test` (all tests). Both set up what is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export DOCKER_BUILDKIT := 0
TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/x86_64-unknown-linux-gnu/release

.PHONY: help setup build images probe apps demo demo-emulator demo-farm test test-emulator test-faults test-deploy test-unit test-java test-containers test-farm test-e2e lint lint-tools bench bench-farm seccomp-trace sbom clean

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

setup: ## Install what is missing from packages, start the Docker engine
	@scripts/setup.sh

build: setup ## Compile the programs
	@cargo build --release --locked --workspace --bins

images: build ## Build the images that cells are made of
	@images/build.sh

probe: setup ## Build the app that proves that an emulator's phone is ready, for `stakeout images build emulator`
	@tests/apps/build.sh $(TARGET)/apps --only probe
	@mkdir -p $(RELEASE) && cp $(TARGET)/apps/probe.apk $(RELEASE)/stakeout-probe.apk

apps: setup ## Build the sample apps from source
	@tests/apps/build.sh $(TARGET)/apps --only loud,loud-nofgs,loud-old,quiet,nag

demo: images apps ## The main job: three sample apps, verdicts, reports, bundles in target/demo
	@scripts/demo.sh

demo-emulator: images apps ## The same apps on the emulator device, played by a stand-in: a test of ourselves
	@tests/apps/build.sh $(TARGET)/apps --only loud-played,quiet-played,nag-played
	@images/build.sh emulator-fake
	@scripts/demo-emulator.sh

demo-farm: images apps ## A farm on this machine: two orchestrators, workers and tenants, PostgreSQL, S3; one of each is killed
	@scripts/demo-farm.sh

test: ## All tests: lint, deployment, unit, Java, containers, the farm, end to end
	@scripts/test.sh

lint lint-tools test-deploy test-unit test-java test-containers test-farm test-e2e: ## One layer of the tests
	@scripts/test.sh $@

test-emulator: build ## The conformance suite on this host's emulator: a table and target/conformance.json (needs its image and /dev/kvm)
	@tests/apps/build.sh $(TARGET)/apps --only conform
	@$(RELEASE)/stakeout conformance --device emulator --app $(TARGET)/apps/conform.apk --out $(TARGET)/conformance.json

test-faults: build apps ## 200 faults over real processes, PostgreSQL and S3; then nothing may be lost or doubled (SEED=N, FAULTS=N)
	@scripts/dynamic.sh
	@unshare --mount --propagation private $(TARGET)/dynamic/stakeout-farm faults --seed $(or $(SEED),1) --faults $(or $(FAULTS),200)

bench-farm: build apps ## Calls a second of a server as queue and workers grow, beside a published queue; target/bench/farm.json
	@cargo build --release --locked --manifest-path tests/peer/Cargo.toml --target-dir $(TARGET)/peer
	@$(RELEASE)/stakeout-farm bench --peer $(TARGET)/peer/x86_64-unknown-linux-gnu/release/stakeout-peer $(BENCH_FARM)

bench: images apps ## Stages of a trial, trials an hour, codes; a table and target/bench/*.json
	@scripts/bench.sh

seccomp-trace: images apps ## Which system calls containers make, and whether our filters fit them (under strace, on an engine of its own)
	@tests/apps/build.sh $(TARGET)/apps --only exits,conform
	@scripts/seccomp-trace.sh

sbom: ## Say what the programs are made of: all crates, target/sbom.cdx.json (CycloneDX 1.5)
	@scripts/sbom.py --out $(TARGET)/sbom.cdx.json

clean: ## Remove what was built here; images, caches and the operator's key stay
	@cargo clean
