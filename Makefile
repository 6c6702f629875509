# SPDX-License-Identifier: Apache-2.0
# The short front of the build. CMake and Ninja do the work; `cmake --list-presets` shows the other builds.
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 300

.PHONY: all test check fuzz bench demo docs format install clean
.DEFAULT_GOAL := all

all: # build/leat, the optimised binary
	@scripts/setup build
	@[ -f build/build.ninja ] || cmake --preset release
	@cmake --build --preset release --target leat

test: # installs what is missing, builds, passes all tests; the last line counts
	@scripts/setup test
	@tools/run_tests

check: # format, layers, style, generated files, clang-tidy
	@scripts/setup test
	@tools/run_checks --tidy

fuzz: # every decoder for FUZZ_SECONDS
	@scripts/setup test
	@tools/run_fuzzers $(FUZZ_SECONDS)

bench: # the figures of bench/RESULTS.md
	@scripts/setup demo
	@$(MAKE) --no-print-directory all
	@bench/run

demo: # a live web shop flows into files through kill -9; shows the proof; KAFKA=1: into three real brokers
	@scripts/setup $(if $(KAFKA),demo-kafka,demo)
	@$(MAKE) --no-print-directory all
	@$(if $(KAFKA),demo/kafka,demo/run)

docs: # regenerates docs/reference
	@tools/gen_options

format:
	@find src tests -name '*.[ch]' -print0 | xargs -0 clang-format -i

install: all
	@DESTDIR=$(DESTDIR) cmake --install build --prefix $(PREFIX)

clean: # what was built; what was installed into .cache stays
	@rm -rf build
