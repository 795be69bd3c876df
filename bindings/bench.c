/* What BenchmarkBatch of the Go binding does, in C: items of 256 bytes in batches of 256, through
 * trm_submit. usage: bench SECONDS    prints nanoseconds an item */
#include <trommel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 256, AT_ONCE = 1024 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(trm_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s\n", trm_status_string(status));
  exit(1);
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
  trm_pattern patterns[] = {{"fox", 3, 7, TRM_PATTERN_LITERAL | TRM_PATTERN_CASELESS},
                            {"[0-9]+:[0-9]+", 13, 8, 0}};
  static trm_completion done[AT_ONCE];
  static trm_match matches[4 * AT_ONCE];
  char text[256];
  trm_rules *rules = NULL;
  trm_engine *engine = NULL;
  trm_options options;
  for (size_t i = 0; i < sizeof text; i++) text[i] = "0123456789abcde "[i % 16];
  must(trm_rules_compile(patterns, sizeof patterns[0], 2, NULL, &rules, NULL, 0, NULL));
  must(trm_options_init(&options, sizeof options));
  options.processor = TRM_PROCESSOR_CPU;
  must(trm_engine_create(&options, &engine, NULL));
  must(trm_engine_load_rules(engine, 0, rules, NULL));
  unsigned long long finished = 0;
  uint32_t waiting = 0;
  double begun = now();
  while (now() < begun + seconds) {
    /* What did not fit stays for the next round, as in a Go batch. */
    for (waiting = waiting == 0 ? BATCH : waiting; waiting > 0; waiting--) {
      trm_status status = trm_submit(engine, text, sizeof text, 0, waiting, NULL);
      must(status);
      if (status != TRM_OK) break;
    }
    size_t count = 0, found = 0;
    must(trm_collect(engine, 0, done, AT_ONCE, &count, matches, 4 * AT_ONCE, &found));
    finished += count;
  }
  printf("%.1f ns/item\n", (now() - begun) * 1e9 / (double)finished);
  trm_engine_destroy(engine);
  trm_rules_destroy(rules);
  return 0;
}
