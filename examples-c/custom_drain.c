/* The caller drain: the ring, the tickets and the results are the library's, the scanning is ours.
 * Two threads of this program claim items and answer them with a matcher of their own: it reports
 * every line of an item that is longer than 20 bytes, a question that no set of rules asks.
 *
 *   cc -std=c99 -Iinclude examples-c/custom_drain.c -Ltarget/release -ltrommel -lpthread -o
 * custom_drain */
#include "trommel.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1000, DRAINERS = 2, LONG_LINE = 20, MOST_LINES = 16, BATCH = 64 };
enum { RULE_SET = 0, LONG_LINE_RULE = 1 };

static void must(trm_status status, const char *what) {
  if (status == TRM_OK) return;
  fprintf(stderr, "%s: %s\n", what, trm_status_string(status));
  exit(1);
}

/* ---- our matcher ---- */

static size_t find_long_lines(const char *bytes, size_t len, trm_match *matches) {
  size_t count = 0, start = 0;
  while (start < len) {
    const char *newline = (const char *)memchr(bytes + start, '\n', len - start);
    size_t end = newline != NULL ? (size_t)(newline - bytes) : len;
    if (end - start > LONG_LINE && count < MOST_LINES) {
      memset(&matches[count], 0, sizeof matches[count]);
      matches[count].start = start;
      matches[count].end = end;
      matches[count].rule_id = LONG_LINE_RULE;
      count++;
    }
    start = end + 1;
  }
  return count;
}

/* Claims items until the engine is closed and empty. An item that is claimed is ours alone until it
 * is marked. */
static void *drainer(void *engine_pointer) {
  trm_engine *engine = (trm_engine *)engine_pointer;
  trm_claimed claimed;
  trm_match matches[MOST_LINES];
  for (;;) {
    trm_status status = trm_claim(engine, -1, &claimed);
    if (status == TRM_ERR_CLOSED) return NULL;
    must(status, "claiming");
    size_t count = find_long_lines((const char *)claimed.bytes, claimed.item.input_len, matches);
    must(trm_mark_done(engine, claimed.ticket, TRM_OK, matches, count), "marking done");
  }
}

/* ---- what goes in, what comes out ---- */

static size_t make_text(uint32_t number, char *text, size_t size) {
  int len = snprintf(text, size, "item %" PRIu32 "\n%s", number,
                     number % 3 == 0 ? "a line that is longer than the others\nend\n" : "short\n");
  return (size_t)len;
}

/* Takes what is finished; returns how many items that was. */
static size_t collect(trm_engine *engine, int64_t timeout, uint64_t *long_lines) {
  trm_completion done[BATCH];
  trm_match matches[BATCH * MOST_LINES];
  size_t count = 0, match_count = 0;
  trm_status status =
      trm_collect(engine, timeout, done, BATCH, &count, matches, BATCH * MOST_LINES, &match_count);
  if (status == TRM_EMPTY || status == TRM_TIMEOUT) return 0;
  must(status, "collecting");
  *long_lines += match_count;
  return count;
}

int main(void) {
  trm_options options;
  must(trm_options_init(&options, sizeof options), "options");
  options.processor = TRM_PROCESSOR_CALLER;
  options.ring_size = 256;
  trm_engine *engine = NULL;
  must(trm_engine_create(&options, &engine, NULL), "creating the engine");

  /* Items name a rule set; a drain of one's own may look into it or, as here, not. */
  trm_pattern unused;
  memset(&unused, 0, sizeof unused);
  unused.bytes = "\n";
  unused.len = 1;
  unused.id = LONG_LINE_RULE;
  trm_rules *rules = NULL;
  must(trm_rules_compile(&unused, sizeof unused, 1, NULL, &rules, NULL, 0, NULL), "compiling");
  must(trm_engine_load_rules(engine, RULE_SET, rules, NULL), "loading rules");
  trm_rules_destroy(rules);

  pthread_t threads[DRAINERS];
  for (int i = 0; i < DRAINERS; i++)
    if (pthread_create(&threads[i], NULL, drainer, engine) != 0) must(TRM_ERR_MEMORY, "thread");

  uint64_t long_lines = 0;
  size_t collected = 0;
  for (uint32_t i = 0; i < ITEMS; i++) {
    char text[128];
    size_t len = make_text(i, text, sizeof text);
    trm_ticket ticket;
    trm_status status;
    /* A full ring is an answer: make room by collecting, then try again. */
    while ((status = trm_submit(engine, text, (uint32_t)len, RULE_SET, i, &ticket)) ==
           TRM_QUEUE_FULL)
      collected += collect(engine, -1, &long_lines);
    must(status, "submitting");
  }
  while (collected < ITEMS) collected += collect(engine, -1, &long_lines);

  must(trm_engine_close(engine, -1), "closing");
  for (int i = 0; i < DRAINERS; i++) pthread_join(threads[i], NULL);
  trm_engine_destroy(engine);
  printf("%zu items, %" PRIu64 " long lines\n", collected, long_lines);
  return 0;
}
