# Writes a C file that defines every call of the header and does nothing. Compiled with debug information it has the
# ABI as C sees it, without the library's insides.
# usage: awk -f packaging/reference/header.awk -f packaging/abi/stub.awk include/trommel.h

function on_function(name, declaration, text) {
  sub(/;$/, " { __builtin_trap(); }", declaration)
  calls = calls declaration "\n"
}

function on_struct(name, text, count) {}
function on_constant(name, value, text) {}
function on_type(name, declaration, text) {}
function on_end() { print "#include \"trommel.h\"\n" calls }
