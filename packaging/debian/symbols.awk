# Writes the symbols file: every call of the header, since the ABI's first version.
# A call that came later is listed here with the version that has it.
# usage: awk -v version=VERSION -f packaging/reference/header.awk -f packaging/debian/symbols.awk include/trommel.h

BEGIN { print "libtrommel.so.0 libtrommel0 #MINVER#" }

function on_function(name, declaration, text) {
  print " " name "@Base " (name in since ? since[name] : "0.1.0")
}

function on_struct(name, text, count) {}
function on_constant(name, value, text) {}
function on_type(name, declaration, text) {}
function on_end() {}
