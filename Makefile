# A thin front: the work is done by CMake, ctest, pytest and the scripts in tests/setup.
.DEFAULT_GOAL := help
.PHONY: help setup build package test test-full test-asan test-tsan test-arm test-report fuzz bench demo format tidy clean

JOBS ?= $(shell nproc)
PYTHON := build/venv/bin/python
# The generated header keeps the form its generator gives it.
CXX_FILES = $(shell git ls-files --cached --others --exclude-standard '*.h' '*.cpp' \
    ':!src/anchor/eth/log_anchor_bytecode.h')

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | \
	    awk -F':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'

setup: ## install what this machine lacks (apt, npm, a Python venv); a second run installs nothing
	@tests/setup/install

build: setup ## build anchorlogd, logverify and anchorlogctl into build/release/bin
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j $(JOBS) --target anchorlogd logverify anchorlogctl

test: build ## all tests: unit, simulation, lint, contracts, IDS, end to end, speed
	@cmake --build --preset release -j $(JOBS)
	@tests/setup/run_tests

test-full: test test-asan test-tsan test-arm fuzz ## all tests, sanitizers, QEMU, faults, fuzzers, training
	@tests/setup/install --full
	@tests/setup/run_tests sim_full mutants packaging_full e2e_full reference_full edits_full train

test-asan: ## unit tests, simulation and end-to-end tests under ASan and UBSan
test-tsan: ## the same under ThreadSanitizer
test-asan test-tsan: setup
	@tests/setup/install --full
	@cmake --preset $(@:test-%=%) --log-level=WARNING
	@cmake --build --preset $(@:test-%=%) -j $(JOBS)
	@tests/setup/run_tests $(@:test-%=%)

test-arm: setup ## unit tests, some end-to-end tests and the package of a build for 64-bit ARM, in QEMU
	@tests/setup/install --arm
	@config/debian/make_arm64_root
	@cmake --preset arm64 --log-level=WARNING
	@cmake --build --preset arm64 -j $(JOBS)
	@tests/setup/run_tests arm

test-report: ## docs/test-report.md from the logs that the last test runs left
	@tests/setup/test_report

FUZZ_SECONDS ?= 60
fuzz: setup ## each fuzzer of tests/fuzz for FUZZ_SECONDS (60)
	@tests/setup/install --full
	@cmake --preset fuzz --log-level=WARNING
	@cmake --build --preset fuzz -j $(JOBS)
	@tests/fuzz/run_fuzzers --seconds $(FUZZ_SECONDS) --jobs $(JOBS)

BENCH = $(PYTHON) tests/bench
bench: build ## the figures of docs/performance.md beside what this machine can do; 6 minutes
	@cmake --build --preset release -j $(JOBS) --target anchorlog_bench
	@tests/setup/install --bench
	@$(BENCH)/bench.py --json build/bench.json

bench-growth: build ## throughput and start-up at 0, 10 and 50 million entries; 40 GB, 20 minutes
	@cmake --build --preset release -j $(JOBS) --target anchorlog_bench
	@$(BENCH)/growth.py --json build/growth.json

bench-audit: build ## how fast a log is audited beside openssl dgst, its memory, one evidence file; 2 GB
	@cmake --build --preset release -j $(JOBS) --target audit_store anchor_store
	@$(BENCH)/audit.py --json build/audit.json

bench-soak: build ## memory over 60 s of full load and 30 minutes of 10,000 alerts/s; 20 GB
	@cmake --build --preset release -j $(JOBS) --target anchorlog_bench
	@$(BENCH)/soak.py --json build/soak.json

bench-record: build ## write down the ratios that the speed suite of `make test` is held against
	@cmake --build --preset release -j $(JOBS) --target anchorlog_bench
	@$(BENCH)/bench.py --record

package: build ## the Debian packages of the daemon and of the detector, in build/packages
	@cmake --build --preset release -j $(JOBS) --target logverify_online
	@tests/setup/install --package
	@config/debian/build

demo: build ## captures to alerts, alerts to a sealed and anchored log, PASS and FAIL shown
	@$(PYTHON) tests/demo/demo.py

format: ## clang-format on every C++ file
	@clang-format-19 -i $(CXX_FILES)

tidy: setup ## clang-tidy on every C++ file
	@cmake --preset tidy --log-level=WARNING
	@cmake --build --preset tidy -j $(JOBS)

clean: ## remove build/, and with it the Python venv
	@rm -rf build
