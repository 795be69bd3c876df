/* The number that trm_event_fd gives on Windows is an event's HANDLE: a thread waits for it as for
 * any other. */
#include "trommel.h"

#include <stdio.h>
#include <windows.h>

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

int main(void) {
  trm_options options;
  trm_engine *engine = NULL;
  trm_rules *rules = NULL;
  trm_pattern pattern = {"fox", 3, 7, TRM_PATTERN_LITERAL};
  int32_t number = -1;
  if (trm_options_init(&options, sizeof options) != TRM_OK) return fail("options");
  options.processor = TRM_PROCESSOR_CPU;
  if (trm_rules_compile(&pattern, sizeof pattern, 1, NULL, &rules, NULL, 0, NULL) != TRM_OK ||
      trm_engine_create(&options, &engine, NULL) != TRM_OK ||
      trm_engine_load_rules(engine, 0, rules, NULL) != TRM_OK ||
      trm_event_fd(engine, &number) != TRM_OK)
    return fail("setting up");
  HANDLE event = (HANDLE)(intptr_t)number;
  for (uint32_t round = 0; round < 100; round++) {
    if (WaitForSingleObject(event, 0) != WAIT_TIMEOUT)
      return fail("signalled while there is nothing");
    if (trm_submit(engine, "a fox", 5, 0, round, NULL) != TRM_OK) return fail("submitting");
    if (WaitForSingleObject(event, 10000) != WAIT_OBJECT_0) return fail("not signalled");
    trm_completion done;
    trm_match match;
    size_t count = 0, found = 0;
    if (trm_collect(engine, 0, &done, 1, &count, &match, 1, &found) != TRM_OK || found != 1 ||
        match.start != 2)
      return fail("collecting");
    if (trm_collect(engine, 0, &done, 1, &count, &match, 1, &found) != TRM_EMPTY)
      return fail("something is left");
  }
  trm_engine_destroy(engine);
  trm_rules_destroy(rules);
  puts("the event works");
  return 0;
}
