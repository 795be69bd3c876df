# Writes dlopen.c: every call of the header, forwarded to the library that was loaded at run time.
# usage: awk -f packaging/reference/header.awk -f bindings/go/stubs.awk include/trommel.h > bindings/go/dlopen.c

function on_function(name, declaration, text,   returns, arguments, names, list, n, i, word, missing) {
  returns = declaration
  sub(name "\\(.*", "", returns)
  gsub(/[\n ]+/, " ", declaration)
  arguments = declaration
  sub(/^[^(]*\(/, "", arguments)
  sub(/\);$/, "", arguments)
  names = ""
  if (arguments != "void") {
    n = split(arguments, list, ",")
    for (i = 1; i <= n; i++) {
      word = list[i]
      sub(/^.*[ *]/, "", word)
      names = names (i > 1 ? ", " : "") word
    }
  }
  sub(/;$/, "", declaration)
  missing = returns ~ /^void $/ ? "return" : returns ~ /^trm_status/ ? "return TRM_ERR_UNSUPPORTED" : "return 0"
  # The version's callers want no error but a number that is no version.
  if (name == "trm_abi_version") missing = "return UINT32_MAX"
  if (returns ~ /char \*/) missing = "return \"libtrommel is not loaded\""
  pointers = pointers "static " returns "(*" name "_)(" arguments ");\n"
  bodies = bodies declaration " {\n  if (!" name "_) " missing ";\n  " (returns ~ /^void $/ ? "" : "return ") name "_(" names ");\n}\n\n"
  table = table "    {\"" name "\", (void **)&" name "_},\n"
}

function on_struct(name, text, count) {}
function on_constant(name, value, text) {}
function on_type(name, declaration, text) {}

function on_end() {
  print "//go:build trommel_dlopen\n\n/* Made from include/trommel.h by stubs.awk; do not edit. */"
  print "#include \"dlopen.h\"\n\n#include <dlfcn.h>\n#include <stddef.h>\n#include <trommel.h>\n"
  print pointers "\nstatic const struct {\n  const char *name;\n  void **pointer;\n} calls[] = {\n" table "};"
  print "enum { CALLS = sizeof calls / sizeof calls[0] };\n\nstatic void *library;\n"
  print "void trm_go_unload(void) {\n  for (size_t i = 0; i < CALLS; i++) *calls[i].pointer = NULL;"
  print "  if (library) dlclose(library);\n  library = NULL;\n}\n"
  print "const char *trm_go_load(const char *path) {\n  trm_go_unload();\n  library = dlopen(path, RTLD_NOW | RTLD_LOCAL);"
  print "  if (!library) return dlerror();\n  for (size_t i = 0; i < CALLS; i++) {"
  print "    *calls[i].pointer = dlsym(library, calls[i].name);\n    if (!*calls[i].pointer) {"
  print "      const char *why = dlerror();\n      trm_go_unload();\n      return why ? why : \"a call is missing in the library\";"
  print "    }\n  }\n  return NULL;\n}\n"
  sub(/\n$/, "", bodies)
  printf "%s", bodies
}
