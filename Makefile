# libtrommel. `make scan` and `make test` are the two to begin with; each installs what it lacks (as root) or says how.

CARGO ?= cargo
CC ?= cc
CXX ?= c++
export CARGO CC CXX
# Where there is no display, a layer that comes with Mesa's drivers would say so again and again.
export NODEVICE_SELECT := 1

TARGET := $(or $(CARGO_TARGET_DIR),target)
LIB := $(TARGET)/release
BIN := $(TARGET)/examples-c
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')

WARN := -pedantic -Wall -Wextra -Werror
C := $(CC) -std=c99 -D_POSIX_C_SOURCE=200809L $(WARN) -O2 -g -Iinclude
CPP := $(CXX) -std=c++17 $(WARN) -O2 -g -Iinclude
LINK = -L$(LIB) -Wl,-rpath,$(abspath $(LIB)) -ltrommel -lpthread
HEADERS := include/trommel.h include/trommel.hpp
C_SOURCES := $(wildcard benches/scan_tree/*.c examples-c/*.c examples-c/*.cpp examples-c/*/*.c examples-c/*/*.h tools/trommel/*.[ch] packaging/*.c packaging/windows/*.c hyperscan/tests/*.c) include/trommel.hpp include/trommel_hs.h

include packaging/packaging.mk

.PHONY: all lib header check-header examples scan test test-gpu lint loom loom-mutations sanitize asan tsan valgrind bench bench-feed bench-gpu bench-tree soak soak-gpu fuzz docs \
	clean help need-build need-test need-nightly need-rust-src

.DEFAULT_GOAL := all
all: lib check-header examples

help:
	@echo 'make              the library, the header check and the examples (below $(TARGET))'
	@echo 'make scan         scan the sources of the crates that the build downloaded for credentials'
	@echo 'make test         all tests that need no GPU hardware; installs what it lacks'
	@echo 'make test-gpu     the GPU tests alone; fails where there is no adapter'
	@echo 'make lint         rustfmt, clippy, clang-format'
	@echo 'make loom         the ring and its parking, model-checked'
	@echo 'make sanitize     AddressSanitizer, ThreadSanitizer (nightly Rust), valgrind'
	@echo 'make bench        figures without a GPU, as a table and as $(TARGET)/bench/results.jsonl'
	@echo 'make bench-gpu    figures of the GPU drains; make bench-tree: scan_tree beside Vectorscan, 8 GB of files'
	@echo 'make soak         the comparisons with the oracle, ten million of them; make soak-gpu: through the GPU drains'
	@echo 'make fuzz         saved sets and answers, with cargo-fuzz (nightly Rust)'
	@echo 'make docs         the Rust documentation, warnings are errors'
	@echo 'make book         the documentation as pages; make test-book checks links, examples and the reference'
	@echo 'make header       write include/trommel.h from src/capi'
	@echo 'make command      the trommel command (scan, check, adapters, bench)'
	@echo 'make install      command, headers, library, pkg-config, CMake, man pages; PREFIX=, DESTDIR=; make uninstall takes them away'
	@echo 'make test-install every example against the installed library, through pkg-config and through CMake'
	@echo 'make test-bindings all of: test-install, test-go, test-python, test-zig, test-deb, test-wine, test-hyperscan;'
	@echo '                  prints a line NAME ok for each'
	@echo 'make dll          trommel.dll for x86-64 Windows, cross-built; make hyperscan: a library with the calls of Hyperscan'
	@echo 'make deb          Debian packages; make tarball: an archive for systems without packages'
	@echo 'make abi          fails where a program built against the recorded ABI could break; make abi-baseline records it'

# ---- what a build needs beyond cargo ----

need-build:
	@command -v $(CARGO) >/dev/null || { echo 'cargo is missing: install Rust with rustup' >&2; exit 1; }
	@scripts/need $(CC)=gcc /usr/include/stdio.h=libc6-dev

need-test: need-build
	@scripts/need $(CXX)=g++ nm=binutils valgrind=valgrind \
		'/usr/lib/*/libvulkan.so.1=libvulkan1' '/usr/share/vulkan/icd.d/lvp_icd*.json=mesa-vulkan-drivers'

# ---- library, header, examples ----

lib: need-build
	$(CARGO) build --locked --release
	ln -sf libtrommel.so $(LIB)/libtrommel.so.0

header:
	TROMMEL_WRITE_HEADER=1 $(CARGO) test --locked --no-default-features --test header header_is_up_to_date

check-header: need-build
	$(CARGO) test --locked --no-default-features --test header

examples: $(BIN)/scan_tree $(BIN)/quickstart $(BIN)/custom_drain $(BIN)/quickstart_cpp

$(BIN)/scan_tree: $(wildcard examples-c/scan_tree/*) $(HEADERS) | lib
	@mkdir -p $(BIN)
	$(C) $(filter %.c,$^) $(LINK) -o $@

$(BIN)/%: examples-c/%.c $(HEADERS) | lib
	@mkdir -p $(BIN)
	$(C) $< $(LINK) -o $@

$(BIN)/%_cpp: examples-c/%.cpp $(HEADERS) | lib
	@mkdir -p $(BIN)
	@scripts/need $(CXX)=g++
	$(CPP) $< $(LINK) -o $@

# ---- the main job ----

# Findings or none are both fine (exit codes 0 and 1); trouble is not.
scan: $(BIN)/scan_tree
	@scripts/crate-sources > $(BIN)/crate-sources
	@echo "scanning $$(wc -l < $(BIN)/crate-sources) crates with examples-c/credentials.rules"
	@tr '\n' '\0' < $(BIN)/crate-sources | xargs -0 -n 100000 sh -c \
		'"$$@" || [ $$? = 1 ]' sh $(BIN)/scan_tree -f examples-c/credentials.rules $(SCAN_FLAGS) --

# ---- checks ----

# A test program that hangs ends the tests instead of stopping them for ever.
BOUNDED := --config 'target."cfg(unix)".runner = ["timeout", "--verbose", "1200"]'

test: need-test
	scripts/sum-up $(CARGO) test --locked --features faults $(BOUNDED)

test-gpu: need-build
	scripts/sum-up $(CARGO) test --locked --features faults --test 'gpu*' -- --nocapture

lint:
	@scripts/need clang-format=clang-format
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	$(CARGO) fmt --check -p trommel-hs
	$(CARGO) clippy --locked --all-targets -p trommel-hs -- -D warnings
	clang-format --dry-run --Werror $(C_SOURCES)

docs:
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' $(CARGO) doc --locked --no-deps --all-features --document-private-items

# The models run where `--cfg loom` swaps the ring's atomics for loom's, on the ring alone: it builds in seconds.
loom:
	CARGO_TARGET_DIR=$(abspath $(TARGET)) tests/ring-mutations --check

# The proof of the proofs: weakens the ring in every place and shows which model notices. Rewrites docs/ring-proofs.md.
loom-mutations:
	CARGO_TARGET_DIR=$(abspath $(TARGET)) tests/ring-mutations

# ---- sanitizers ----

# C programs cannot load an instrumented library; they are looked at by valgrind.
C_TESTS := c_programs command header scan_tree symbols valgrind
RUST_TESTS := $(filter-out $(C_TESTS) gpu% loom% lease_model,$(patsubst %/main,%,$(patsubst tests/%.rs,%,$(wildcard tests/*.rs tests/*/main.rs))))
NIGHTLY_TEST = $(CARGO) +nightly test --locked --no-default-features --features faults --target $(HOST) \
	--lib $(addprefix --test ,$(RUST_TESTS))
# Sanitizers make a program five to fifteen times slower: fewer random cases.
FEWER := TROMMEL_CASES=2000

sanitize: asan tsan valgrind

need-nightly: need-build
	@$(CARGO) +nightly --version >/dev/null 2>&1 || \
		{ echo 'nightly Rust is missing; run this first: rustup toolchain install nightly' >&2; exit 1; }

need-rust-src: need-nightly
	@test -d "$$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" || \
		{ echo 'the source of the standard library is missing; run this first: rustup component add rust-src --toolchain nightly' >&2; exit 1; }

asan: need-nightly
	$(FEWER) RUSTFLAGS='-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer' \
		$(NIGHTLY_TEST) --target-dir $(TARGET)/asan

# The standard library is built with it: else what its locks and reference counts order looks like thousands of races.
# Tests fork and start threads in the child, which ThreadSanitizer otherwise ends.
tsan: need-nightly need-rust-src
	$(FEWER) TSAN_OPTIONS=die_after_fork=0 RUSTFLAGS='-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer' \
		$(NIGHTLY_TEST) -Zbuild-std --target-dir $(TARGET)/tsan

valgrind: need-test
	$(CARGO) test --locked --no-default-features --test valgrind

# ---- figures, long runs ----

BENCHES := $(shell sed -n '/^\[\[bench\]\]/{n;s/^name = "\(.*\)"/\1/p}' Cargo.toml)

# Peers that are not there are left out of the table.
bench: need-build
	-@scripts/need '/usr/lib/*/libhs.so.5=libvectorscan5'
	@mkdir -p $(TARGET)/bench && rm -f $(TARGET)/bench/results.jsonl
	$(CARGO) bench --locked $(addprefix --bench ,$(filter-out gpu% feed,$(BENCHES)))
	@echo 'rows: $(TARGET)/bench/results.jsonl'

# The way of items to a device that answers at once: what the host's side costs.
bench-feed: need-build
	$(CARGO) bench --locked --features faults --bench feed

bench-gpu: need-build
	@mkdir -p $(TARGET)/bench && rm -f $(TARGET)/bench/results.jsonl
	$(CARGO) bench --locked $(addprefix --bench ,$(filter gpu%,$(BENCHES)))
	@echo 'rows: $(TARGET)/bench/results.jsonl'

# scan_tree through 8 GB of crates' sources, beside Vectorscan in the same program. DRAINS=cpu: without a GPU.
bench-tree: $(BIN)/scan_tree
	-@scripts/need /usr/include/hs/hs.h=libvectorscan-dev
	BIN=$(abspath $(BIN)) LIB=$(abspath $(LIB)) benches/scan_tree/run "$${TROMMEL_DATA:-../shared/data}/gitleaks.toml" \
		"$$(dirname "$$(scripts/crate-sources | head -n 1)")"

# Exactly once over a hundred million items, and ten million comparisons with the CPU's matcher, through the GPU drains.
soak-gpu: need-build
	TROMMEL_CASES=100000000 $(CARGO) test --locked --release --features faults --test gpu_resident -- --nocapture soak
	TROMMEL_CASES=10000000 $(CARGO) test --locked --release --features faults --test gpu_engine -- --nocapture soak

soak: need-test
	TROMMEL_CASES=10000000 $(CARGO) test --locked --release --features faults --test oracle --test oracle_abi --test pieces -- --nocapture

# Each target for FUZZ_SECONDS; needs nightly Rust and cargo-fuzz.
FUZZ_SECONDS ?= 60
fuzz: need-nightly
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || \
		{ echo 'cargo-fuzz is missing; run this first: cargo install cargo-fuzz' >&2; exit 1; }
	$(CARGO) +nightly fuzz run saved -- -max_total_time=$(FUZZ_SECONDS)
	$(CARGO) +nightly fuzz run answers -- -max_total_time=$(FUZZ_SECONDS)
	$(CARGO) +nightly fuzz run borders -- -max_total_time=$(FUZZ_SECONDS)

clean:
	$(CARGO) clean
