# The short way in. Each target installs what it needs, says what it does and
# takes V=1 to show the commands; CMake and its presets do the work.
#
#   make           build/bin/bulkhead and the two processes that it starts
#   make run       the same, and serve the demo model
#   make test      every test, plain and under sanitizers; unit tests for ARM
#                  PRESETS=dev ARGS="-R unit.wire" for some of them
#   make lint      layers, sizes, format, clang-tidy, scripts
#   make fuzz      every fuzzer for FUZZ_SECONDS (60)
#   make chaos     faults, mutants and a soak for hours: see tools/chaos
#   make bench     the figures of bench/, beside llama-server
#   make bench-rpc what the JSON-RPC socket costs
#   make bench-router  many models behind one address, beside llama-server
#   make compare   the same requests to llama-server and to it, field by field
#   make install   into PREFIX (/usr/local), DESTDIR is honoured
#   make clean     away with the build folders; the engine's cache stays
#
# ENGINE_VARIANT=packages builds the engine for every CPU (default: native);
# LLAMA_CPP_DIR=/checkout uses that llama.cpp. See engine/build.

PREFIX ?= /usr/local
PRESETS ?= dev asan tsan arm64
FUZZ_SECONDS ?= 60
MODEL ?= models/demo/demo.gguf
V ?= 0
export V FUZZ_SECONDS

all:
	@tools/setup build
	@tools/build dev
	@echo "made: build/bin/bulkhead; try: make run"

run:
	@tools/setup build
	@tools/build dev
	@tools/run-hints $(MODEL)
	@exec build/bin/bulkhead serve -m $(MODEL)

test:
	@tools/setup test
	@$(if $(filter arm64,$(PRESETS)),tools/setup arm64)
	@tools/test $(PRESETS) -- $(ARGS)

lint:
	@tools/setup test
	@tools/build dev
	@tools/lint

fuzz:
	@tools/setup test
	@tools/build fuzz
	@tools/fuzz

chaos:
	@tools/setup test
	@tools/build dev
	@tools/chaos $(ARGS)

bench:
	@tools/setup test
	@tools/build release
	@LLAMA_SERVER=$$(engine/build --server)/bin/llama-server \
	    BULKHEAD_BIN=$(CURDIR)/build-release/bin bench/run

bench-rpc:
	@tools/setup test
	@tools/build release
	@BULKHEAD_BIN=$(CURDIR)/build-release/bin bench/rpc

bench-router:
	@tools/setup test
	@tools/build release
	@LLAMA_SERVER=$$(engine/build --server)/bin/llama-server \
	    BULKHEAD_BIN=$(CURDIR)/build-release/bin bench/router

compare:
	@tools/setup test
	@tools/build dev
	@LLAMA_SERVER=$$(engine/build --server)/bin/llama-server \
	    tests/clients/compare $(ARGS)

install:
	@tools/setup build
	@tools/build release
	@echo "install: into $(DESTDIR)$(PREFIX)"
	@cmake --install build-release --prefix $(PREFIX) \
	    $(if $(filter 1,$(V)),,>/dev/null)

clean:
	@echo "clean: removing build and build-*"
	@rm -rf build build-asan build-tsan build-arm64 build-fuzz \
	    build-release

.PHONY: all run test lint fuzz chaos bench bench-rpc bench-router compare \
    install clean
