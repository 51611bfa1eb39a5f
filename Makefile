# Everything a fresh Debian 12 with Rust needs: `make demo` to hear it, `make test` to prove it.

# What the build and the demo need, and what only the tests need.
BUILD_PACKAGES := build-essential cmake
TEST_PACKAGES  := $(BUILD_PACKAGES) sip-tester baresip-core linphone-cli espeak-ng sqlite3 prometheus \
	python3 python3-pip python3-dateutil python3-websockets iproute2 postgresql chromium

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# $(call install,PACKAGES): installs those that are missing, and says nothing when none is.
define install
@missing=; for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q ' installed$$' || \
	missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then echo "installing:$$missing"; $(SUDO) apt-get update -qq && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; fi
endef

.PHONY: demo test interop-bot lint setup setup-tests load soak exits fuzz

demo: setup
	cargo run --release --quiet -- demo $(DEMO_ARGS)

test: setup-tests
	cargo build --workspace --all-targets
	cargo check --quiet --manifest-path tests/fuzz/Cargo.toml
	cargo test --workspace --no-fail-fast
	python3 tests/sim/mutants.py
	python3 tests/soak/test_verdict.py

# Pipecat against the real binary (its packages take half a gigabyte, in a folder of their own), and 300 callers whose bots
# break.
PIPECAT := $(or $(CARGO_TARGET_DIR),target)/pipecat
interop-bot: setup-tests
	test -x $(PIPECAT)/bin/python || python3 -m venv $(PIPECAT)
	$(PIPECAT)/bin/pip install --quiet 'pipecat-ai[websocket]==1.14.0' 'uvicorn>=0.32'
	PIPECAT_PYTHON=$(abspath $(PIPECAT))/bin/python cargo test -p dozvon --test pipecat -- --test-threads 1 --nocapture
	BOT_CALLS=300 cargo test -p dozvon --test e2e bot_faults -- --test-threads 1 --nocapture

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# Figures for docs/performance.md; wants a quiet machine.
load: setup-tests
	python3 tests/load/run.py

# Calls, agents and people at random for SOAK_SECS seconds, with kill -9: nothing may be stuck, lost or grown.
soak: setup-tests
	python3 tests/soak/soak.py

# Over each sample flow EXIT_CALLS callers press 0 at moments of chance, at every node: each must talk to a person.
exits: setup-tests
	EXIT_CALLS=$${EXIT_CALLS:-200} cargo test -p dozvon --test e2e exits -- --nocapture

# Each fuzz target for FUZZ_SECS seconds; a crash is kept in tests/fuzz/artifacts and becomes a test beside the code.
# Flow files begin with those that ship and those that are known to be broken.
FUZZ_SECS ?= 60
FUZZ_TARGETS := sip_message sip_stream sip_endpoint sdp rtp dtmf flow_file acd_operations
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table

# The target is named so that build scripts and procedural macros, which have no libFuzzer, do without its flags.
FUZZ_HOST = $(shell rustc -vV | sed -n 's/^host: //p')

fuzz: setup
	cd tests/fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --release --target-dir target --target $(FUZZ_HOST)
	mkdir -p tests/fuzz/target/corpus/flow_file
	cp ivr-flows/*.yaml tests/flows/broken/*.yaml tests/fuzz/target/corpus/flow_file
	cd tests/fuzz && for t in $(FUZZ_TARGETS); do mkdir -p target/corpus/$$t artifacts && \
		target/$(FUZZ_HOST)/release/$$t -max_total_time=$(FUZZ_SECS) -artifact_prefix=artifacts/ target/corpus/$$t \
		|| exit 1; done

setup:
	$(call install,$(BUILD_PACKAGES))

setup-tests:
	$(call install,$(TEST_PACKAGES))
