# Everything a fresh Debian 12 with Rust needs: `make demo` to hear it, `make test` to prove it.

# What the build and the demo need, and what only the tests need.
BUILD_PACKAGES := build-essential cmake
TEST_PACKAGES  := $(BUILD_PACKAGES) sip-tester baresip-core sqlite3 prometheus python3 iproute2

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# $(call install,PACKAGES): installs those that are missing, and says nothing when none is.
define install
@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then echo "installing:$$missing"; $(SUDO) apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; fi
endef

.PHONY: demo test lint setup setup-tests mutants load

demo: setup
	cargo run --release --quiet -- demo $(DEMO_ARGS)

test: setup-tests
	cargo build --workspace --all-targets
	cargo test --workspace
	python3 tests/sim/mutants.py

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

setup:
	$(call install,$(BUILD_PACKAGES))

setup-tests:
	$(call install,$(TEST_PACKAGES))
