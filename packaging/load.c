/* Opens the library at run time, finds something with it, closes it, and does so again. Prints a
 * line a round. usage: load [LIBRARY] */
#include "trommel.h"

#include <stdio.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define LIBRARY "trommel.dll"
static void *open_library(const char *name) {
  return (void *)LoadLibraryA(name);
}
static void close_library(void *library) {
  FreeLibrary((HMODULE)library);
}
static void find(void *library, const char *name, void *to) {
  FARPROC found = GetProcAddress((HMODULE)library, name);
  memcpy(to, &found, sizeof found);
}
#else
#include <dlfcn.h>
#define LIBRARY "libtrommel.so.0"
static void *open_library(const char *name) {
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}
static void close_library(void *library) {
  dlclose(library);
}
/* By memcpy: C has no cast from an object's address to a function's. */
static void find(void *library, const char *name, void *to) {
  void *found = dlsym(library, name);
  memcpy(to, &found, sizeof found);
}
#endif

typedef struct calls {
  uint32_t (*abi_version)(void);
  const char *(*version_string)(void);
  trm_status (*rules_compile)(const trm_pattern *, size_t, size_t, const trm_compile_options *,
                              trm_rules **, trm_error *, size_t, size_t *);
  void (*rules_destroy)(trm_rules *);
  trm_status (*engine_create)(const trm_options *, trm_engine **, trm_error *);
  trm_status (*load_rules)(trm_engine *, uint32_t, trm_rules *, trm_error *);
  trm_status (*scan)(trm_engine *, uint32_t, const void *, size_t, trm_match *, size_t, size_t *,
                     trm_error *);
  void (*engine_destroy)(trm_engine *);
} calls;

int main(int argc, char **argv) {
  for (int round = 0; round < 3; round++) {
    void *library = open_library(argc > 1 ? argv[1] : LIBRARY);
    if (library == NULL) return 1;
    calls c;
    find(library, "trm_abi_version", &c.abi_version);
    find(library, "trm_version_string", &c.version_string);
    find(library, "trm_rules_compile", &c.rules_compile);
    find(library, "trm_rules_destroy", &c.rules_destroy);
    find(library, "trm_engine_create", &c.engine_create);
    find(library, "trm_engine_load_rules", &c.load_rules);
    find(library, "trm_scan", &c.scan);
    find(library, "trm_engine_destroy", &c.engine_destroy);
    if (c.abi_version() != TRM_ABI_VERSION) return 2;

    const trm_pattern pattern = {"fox", 3, 7, TRM_PATTERN_LITERAL};
    trm_rules *rules = NULL;
    trm_engine *engine = NULL;
    trm_match match;
    size_t count = 0;
    if (c.rules_compile(&pattern, sizeof pattern, 1, NULL, &rules, NULL, 0, NULL) != TRM_OK ||
        c.engine_create(NULL, &engine, NULL) != TRM_OK ||
        c.load_rules(engine, 0, rules, NULL) != TRM_OK ||
        c.scan(engine, 0, "a fox", 5, &match, 1, &count, NULL) != TRM_OK || count != 1)
      return 3;
    printf("loaded %s: rule %u at %u\n", c.version_string(), (unsigned)match.rule_id,
           (unsigned)match.start);
    c.engine_destroy(engine);
    c.rules_destroy(rules);
    close_library(library);
  }
  return 0;
}
