# Installing, packages, bindings. Included by the Makefile; `make help` lists the targets.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/trommel
INSTALL ?= install

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOVERSION := $(shell sed -n 's/^const SONAME_VERSION: u32 = \(.*\);/\1/p' build.rs)
PACK := $(TARGET)/packaging

.PHONY: man install uninstall test-install abi abi-baseline go-stubs test-go test-python test-zig test-bindings

# ---- man pages, from the header ----

man: $(PACK)/man/trommel.7

REFERENCE := packaging/reference/header.awk packaging/reference/man.awk
$(PACK)/man/trommel.7: include/trommel.h packaging/man/trommel.7 $(REFERENCE)
	@rm -rf $(PACK)/man && mkdir -p $(PACK)/man
	awk -v out=$(PACK)/man -v version=$(VERSION) $(addprefix -f ,$(REFERENCE)) include/trommel.h
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

install: $(LIB)/libtrommel.so $(LIB)/libtrommel.a man
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

$(PREFIX_FOR_TESTS)/lib/libtrommel.so: $(LIB)/libtrommel.so $(LIB)/libtrommel.a $(HEADERS)
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
test-bindings: test-install test-go test-python test-zig
