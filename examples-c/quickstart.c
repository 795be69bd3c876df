/* The shortest complete use: compile two rules, hand in a few texts, print what was found where.
 *
 *   cc -std=c99 -Iinclude examples-c/quickstart.c -Ltarget/release -ltrommel -o quickstart */
#include "trommel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
    "the quick brown fox",
    "no animals here",
    "a fox met another FOX at 10:42",
    "",
};
enum { TEXTS = sizeof texts / sizeof texts[0], MATCHES = 16 };

static int failed(const char *what, trm_status status, const trm_error *error) {
  const char *why = error->message[0] != '\0' ? error->message : trm_status_string(status);
  fprintf(stderr, "%s: %s\n", what, why);
  return 1;
}

static trm_pattern pattern(const char *text, uint32_t id, uint32_t flags) {
  trm_pattern p;
  memset(&p, 0, sizeof p);
  p.bytes = text;
  p.len = strlen(text);
  p.id = id;
  p.flags = flags;
  return p;
}

/* Everything between creating the engine and destroying it. */
static int scan(trm_engine *engine, const trm_rules *rules, trm_error *error) {
  trm_status status = trm_engine_load_rules(engine, 0, rules, error);
  if (status != TRM_OK) return failed("loading rules", status, error);

  /* Submitting copies the text and does not wait. The correlation comes back with the answer. */
  for (uint32_t i = 0; i < TEXTS; i++) {
    trm_ticket ticket;
    status = trm_submit(engine, texts[i], (uint32_t)strlen(texts[i]), 0, i, &ticket);
    if (status != TRM_OK) return failed("submitting", status, error);
  }

  /* Answers come in any order, many at a time. */
  trm_completion done[TEXTS];
  trm_match matches[MATCHES];
  for (size_t left = TEXTS; left > 0;) {
    size_t count = 0, match_count = 0;
    status = trm_collect(engine, -1, done, TEXTS, &count, matches, MATCHES, &match_count);
    if (status != TRM_OK) return failed("collecting", status, error);
    for (size_t i = 0; i < count; i++)
      printf("text %" PRIu32 ": %" PRIu64 " matches\n", done[i].correlation, done[i].match_count);
    for (size_t i = 0; i < match_count; i++) {
      const char *text = texts[done[matches[i].item].correlation];
      printf("  rule %" PRIu32 " at %" PRIu64 ": %.*s\n", matches[i].rule_id, matches[i].start,
             (int)(matches[i].end - matches[i].start), text + matches[i].start);
    }
    left -= count;
  }

  /* Nothing new is accepted; what was accepted is finished (all of it is, here). */
  status = trm_engine_close(engine, -1);
  return status == TRM_OK ? 0 : failed("closing", status, error);
}

int main(void) {
  trm_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;

  const trm_pattern patterns[] = {
      pattern("fox", 7, TRM_PATTERN_LITERAL | TRM_PATTERN_CASELESS),
      pattern("[0-9]+:[0-9]+", 8, 0),
  };
  trm_rules *rules = NULL;
  trm_status status =
      trm_rules_compile(patterns, sizeof patterns[0], 2, NULL, &rules, &error, 1, NULL);
  if (status != TRM_OK) return failed("compiling rules", status, &error);

  /* Options can be left out: then the engine takes what suits the machine. */
  trm_engine *engine = NULL;
  status = trm_engine_create(NULL, &engine, &error);
  int result = status == TRM_OK ? scan(engine, rules, &error)
                                : failed("creating the engine", status, &error);
  trm_engine_destroy(engine);
  trm_rules_destroy(rules);
  return result;
}
