#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: trommel adapters [--json]\n"
    "Lists the GPUs, as each backend sees them: the number to choose one by (--adapter), its kind\n"
    "and memory, and which drains it supports, or why not.\n"
    "\n"
    "Exit code: 0 some adapter supports a drain, 1 none does, 2 trouble.\n";

static const char *kind_name(uint32_t kind) {
  switch (kind) {
  case TRM_ADAPTER_DISCRETE: return "discrete";
  case TRM_ADAPTER_INTEGRATED: return "integrated";
  case TRM_ADAPTER_SOFTWARE: return "software";
  case TRM_ADAPTER_VIRTUAL: return "virtual";
  default: return "other";
  }
}

static void print_line(const trm_adapter *a) {
  printf("%" PRIu32 ": %s (%s, %s", a->index, a->name, a->backend, kind_name(a->kind));
  if (a->memory_bytes > 0) printf(", %.1f GiB", (double)a->memory_bytes / (1024.0 * 1024 * 1024));
  printf(")%s%s\n   drains:%s%s%s\n", a->driver[0] ? ", driver " : "", a->driver,
         a->drains & TRM_ADAPTER_PERSISTENT ? " persistent" : "",
         a->drains & TRM_ADAPTER_BATCH ? " batch" : "", a->drains == 0 ? " none" : "");
  if (a->why_not[0] != '\0') printf("   %s\n", a->why_not);
}

static void print_json(const trm_adapter *a) {
  printf("{\"index\":%" PRIu32 ",\"name\":", a->index);
  print_json_text(a->name);
  fputs(",\"backend\":", stdout);
  print_json_text(a->backend);
  printf(",\"kind\":\"%s\",\"memory_bytes\":%" PRIu64 ",\"host_mapped_bytes\":%" PRIu64
         ",\"driver\":",
         kind_name(a->kind), a->memory_bytes, a->host_mapped_bytes);
  print_json_text(a->driver);
  printf(",\"persistent\":%s,\"batch\":%s,\"why_not\":",
         a->drains & TRM_ADAPTER_PERSISTENT ? "true" : "false",
         a->drains & TRM_ADAPTER_BATCH ? "true" : "false");
  print_json_text(a->why_not);
  puts("}");
}

int adapters_main(int argc, char **argv) {
  bool json = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      fputs(usage, stdout);
      return 0;
    } else {
      return usage_error("unknown argument", argv[i]);
    }
  }
  size_t count = 0;
  trm_status status = trm_adapters(NULL, sizeof(trm_adapter), 0, &count);
  size_t capacity = count + 4; /* one may appear between the two calls */
  trm_adapter *list = (trm_adapter *)must_realloc(NULL, capacity, sizeof *list);
  memset(list, 0, capacity * sizeof *list);
  if (status == TRM_OK || status == TRM_ERR_BUFFER)
    status = trm_adapters(list, sizeof *list, capacity, &count);
  if (status != TRM_OK) {
    fprintf(stderr, "%s: %s\n", program_name, trm_status_string(status));
    free(list);
    return EXIT_TROUBLE;
  }
  int result = EXIT_NOTHING;
  for (size_t i = 0; i < count; i++) {
    (json ? print_json : print_line)(&list[i]);
    if (list[i].drains != 0) result = EXIT_FOUND;
  }
  if (count == 0 && !json)
    puts("no GPU, no Vulkan, Metal or DirectX driver for one, or a library built without GPU "
         "drains");
  free(list);
  return result;
}
