/* Pours items of one size after another through each drain, for a moment each. The text is made
 * here, from the same words as the rules, so that filters have something to do and some items
 * match. Everything goes through the public calls that a program uses: regions and batches. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: trommel bench [OPTION]...\n"
    "Measures how many items this machine scans in a second, for each drain that works here: "
    "items\n"
    "of 64 bytes to 64 KiB, then items of 1 KiB for 10 to 100,000 made-up literals.\n"
    "\n"
    "  -f, --rules FILE  rules to scan for (default: 1000 literals that are made up); only these\n"
    "      --literals N  so many made-up literals instead\n"
    "      --drain KIND  cpu, batch or persistent only\n"
    "      --adapter A   which GPU\n"
    "      --seconds S   how long for each size and drain (default 1)\n"
    "      --json        an object a line\n"
    "      --svg FILE    charts as well: by size, and by number of rules\n"
    "\n"
    "Compare figures of one run only: machines are busy differently at different times.\n";

enum { BATCH = 256, LETTERS = 26, TEXT_BYTES = 1 << 22 };
static const uint32_t sizes[] = {64, 256, 1024, 4096, 16384, 65536};
static const uint64_t counts[] = {10, 100, 1000, 10000, 100000};
enum { SIZES = sizeof sizes / sizeof sizes[0], COUNTS = sizeof counts / sizeof counts[0] };
enum { BYTES_BY_RULES = 1024 };

/* What is measured: the rules of each point, under their number on the engine. */
typedef struct bench_points {
  struct {
    bench_sweep sweep;
    uint64_t rules;
    uint32_t item_bytes, rule_set;
  } all[SIZES + COUNTS];
  size_t count;
  trm_rules *sets[1 + COUNTS];
  uint32_t set_count;
} bench_points;

typedef struct bench_options {
  options scan; /* what rules_load wants */
  const char *drain, *adapter, *svg;
  uint64_t literals;
  double seconds;
  bool json;
} bench_options;

static uint64_t random_state = 0x9E3779B97F4A7C15u;

/* xorshift: the same text on every machine. */
static uint32_t random_below(uint32_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)((random_state >> 16) % bound);
}

static size_t random_word(char *out) {
  size_t len = 3 + random_below(6);
  for (size_t i = 0; i < len; i++) {
    /* Letters are not equally frequent in any text. */
    uint32_t a = random_below(LETTERS), b = random_below(LETTERS);
    out[i] = (char)("etaoinshrdlcumwfgypbvkjxqz"[a < b ? a : b]);
  }
  return len;
}

static char *make_text(void) {
  char *text = (char *)must_realloc(NULL, TEXT_BYTES + 64, 1);
  for (size_t at = 0; at < TEXT_BYTES;) {
    at += random_word(text + at);
    text[at++] = random_below(12) == 0 ? '\n' : ' ';
  }
  return text;
}

/* Two words with a separator between them: rare in the text, with beginnings that are frequent. */
static trm_rules *make_rules(uint64_t count) {
  trm_pattern *patterns = (trm_pattern *)must_realloc(NULL, count, sizeof *patterns);
  char *bytes = (char *)must_realloc(NULL, count, 32);
  memset(patterns, 0, count * sizeof *patterns);
  for (uint64_t i = 0; i < count; i++) {
    char *at = bytes + 32 * i;
    size_t len = random_word(at);
    at[len++] = ' ';
    len += random_word(at + len);
    patterns[i].bytes = at;
    patterns[i].len = len;
    patterns[i].id = (uint32_t)i;
    patterns[i].flags = TRM_PATTERN_LITERAL;
  }
  trm_rules *rules = NULL;
  trm_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  trm_status status =
      trm_rules_compile(patterns, sizeof *patterns, count, NULL, &rules, &error, 1, NULL);
  if (status != TRM_OK)
    fprintf(stderr, "%s: %s\n", program_name,
            error.message[0] ? error.message : trm_status_string(status));
  free(patterns);
  free(bytes);
  return rules;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static trm_engine *create(const bench_options *opt, const char *drain, const bench_points *points,
                          trm_error *error) {
  trm_engine *engine = NULL;
  trm_options o;
  trm_status status = trm_options_init(&o, sizeof o);
  if (status == TRM_OK) {
    o.delivery = TRM_DELIVER_HITS;
    o.arena_bytes = (uint64_t)256 << 20;
    o.adapter = opt->adapter;
    o.processor = strcmp(drain, "cpu") == 0 ? TRM_PROCESSOR_CPU : TRM_PROCESSOR_GPU;
    o.mode = strcmp(drain, "persistent") == 0 ? TRM_MODE_FORCE : TRM_MODE_DISABLE;
    status = trm_engine_create(&o, &engine, error);
  }
  for (uint32_t id = 0; status == TRM_OK && id < points->set_count; id++)
    status = trm_engine_load_rules(engine, id, points->sets[id], error);
  if (status == TRM_OK) return engine;
  trm_engine_destroy(engine);
  return NULL;
}

static bool takes_more(trm_engine *engine) {
  static trm_completion done[BATCH];
  static trm_match *matches;
  static size_t capacity = 4096;
  size_t count = 0, found = 0;
  for (;;) {
    if (matches == NULL) matches = (trm_match *)must_realloc(NULL, capacity, sizeof *matches);
    trm_status status =
        trm_collect(engine, 1000000, done, BATCH, &count, matches, capacity, &found);
    if (status == TRM_OK || status == TRM_EMPTY || status == TRM_TIMEOUT) return true;
    if (status != TRM_ERR_BUFFER) {
      fprintf(stderr, "%s: %s\n", program_name, trm_status_string(status));
      return false;
    }
    free(matches);
    matches = NULL;
    capacity = found;
  }
}

/* Items a second; below 0: trouble, which is said. One region holds the text, items point into it.
 */
static double measure(trm_engine *engine, const char *text, uint32_t rule_set, uint32_t size,
                      double seconds) {
  trm_region region;
  trm_status status = trm_input_acquire(engine, TEXT_BYTES, 0, &region);
  if (status != TRM_OK) {
    fprintf(stderr, "%s: %s\n", program_name, trm_status_string(status));
    return -1;
  }
  memcpy(region.bytes, text, TEXT_BYTES);
  trm_work_item items[BATCH];
  uint32_t per_text = TEXT_BYTES / size, next = 0;
  double warm = now() + seconds / 5, begun = 0;
  uint64_t finished_before = 0;
  bool fine = true, measuring = false;
  trm_engine_stats_t stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  while (fine) {
    double t = now();
    if (!measuring && t >= warm) {
      measuring = true;
      begun = t;
      fine = trm_engine_stats(engine, &stats) == TRM_OK;
      finished_before = stats.finished;
    }
    if (measuring && t >= begun + seconds) break;
    for (uint32_t i = 0; i < BATCH; i++, next = (next + 1) % per_text) {
      trm_work_item item = {region.input_offset + next * size, size, rule_set, i};
      items[i] = item;
    }
    for (size_t at = 0; fine && at < BATCH;) {
      size_t accepted = 0;
      status = trm_enqueue_batch(engine, items + at, BATCH - at, NULL, &accepted);
      at += accepted;
      if (status == TRM_QUEUE_FULL || trm_engine_in_flight(engine) > 6000)
        fine = takes_more(engine);
      else if (status != TRM_OK)
        fine = false;
    }
  }
  double elapsed = now() - begun;
  fine = fine && trm_engine_stats(engine, &stats) == TRM_OK;
  double result = fine ? (double)(stats.finished - finished_before) / elapsed : -1;
  /* The region is free for the next size when nothing is in flight any more. */
  while (fine && trm_engine_in_flight(engine) > 0) fine = takes_more(engine);
  if (!fine || trm_input_release(engine, region.input_offset) != TRM_OK) return -1;
  return result;
}

static int run(const bench_options *opt, const bench_points *points, bench_table *table) {
  static const char *const drains[] = {"cpu", "batch", "persistent"};
  char *text = make_text();
  int result = 0;
  table_begin(opt->json);
  for (size_t d = 0; d < 3; d++) {
    if (opt->drain != NULL && strcmp(opt->drain, drains[d]) != 0) continue;
    trm_error error;
    memset(&error, 0, sizeof error);
    error.struct_size = sizeof error;
    trm_engine *engine = create(opt, drains[d], points, &error);
    if (engine == NULL) {
      fprintf(stderr, "%s: %s: not here: %s\n", program_name, drains[d], error.message);
      if (opt->drain != NULL) result = EXIT_TROUBLE;
      continue;
    }
    for (size_t p = 0; p < points->count; p++) {
      bench_row *row = &table->rows[table->count];
      row->sweep = points->all[p].sweep;
      row->drain = drains[d];
      row->rules = points->all[p].rules;
      row->item_bytes = points->all[p].item_bytes;
      row->items_per_second =
          measure(engine, text, points->all[p].rule_set, row->item_bytes, opt->seconds);
      if (row->items_per_second < 0) {
        result = EXIT_TROUBLE;
        break;
      }
      table_row(row, opt->json);
      table->count++;
    }
    trm_engine_destroy(engine);
  }
  free(text);
  return result;
}

static bool add_set(bench_points *points, trm_rules *rules) {
  if (rules != NULL) points->sets[points->set_count++] = rules;
  return rules != NULL;
}

static void add_point(bench_points *points, bench_sweep sweep, uint64_t rules, uint32_t bytes) {
  points->all[points->count].sweep = sweep;
  points->all[points->count].rules = rules;
  points->all[points->count].item_bytes = bytes;
  points->all[points->count].rule_set = points->set_count - 1;
  points->count++;
}

/* False: some rules do not compile, which is said. */
static bool points_of(const bench_options *opt, bench_points *points) {
  uint64_t rules = opt->literals;
  if (opt->scan.rules_file != NULL) {
    rule_names names;
    memset(&names, 0, sizeof names);
    bool fine = add_set(points, rules_load(&opt->scan, &names));
    rules = names.count;
    rule_names_free(&names);
    if (!fine) return false;
  } else if (!add_set(points, make_rules(rules))) {
    return false;
  }
  for (size_t i = 0; i < SIZES; i++) add_point(points, BY_SIZE, rules, sizes[i]);
  for (size_t i = 0; opt->scan.rules_file == NULL && i < COUNTS; i++) {
    if (!add_set(points, make_rules(counts[i]))) return false;
    add_point(points, BY_RULES, counts[i], BYTES_BY_RULES);
  }
  return true;
}

static bool number(const char *text, double least, double most, double *value) {
  char *end;
  *value = strtod(text, &end);
  return end != text && *end == '\0' && *value >= least && *value <= most;
}

int bench_main(int argc, char **argv) {
  bench_options opt;
  memset(&opt, 0, sizeof opt);
  opt.literals = 1000;
  opt.seconds = 1;
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i];
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    double n = 0;
    if (strcmp(arg, "--json") == 0) {
      opt.json = true;
      continue;
    }
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
      fputs(usage, stdout);
      return 0;
    }
    if (strcmp(arg, "-f") != 0 && strcmp(arg, "--rules") != 0 && strcmp(arg, "--literals") != 0 &&
        strcmp(arg, "--drain") != 0 && strcmp(arg, "--adapter") != 0 &&
        strcmp(arg, "--seconds") != 0 && strcmp(arg, "--svg") != 0)
      return usage_error("unknown argument", arg);
    if (value == NULL) return usage_error("option needs a value", arg);
    i++;
    if (strcmp(arg, "--literals") == 0) {
      if (!number(value, 1, 1e6, &n)) return usage_error("not a number from 1 to 1000000", value);
      opt.literals = (uint64_t)n;
    } else if (strcmp(arg, "--seconds") == 0) {
      if (!number(value, 0.01, 60, &opt.seconds))
        return usage_error("not a time from 0.01 to 60 seconds", value);
    } else if (strcmp(arg, "--drain") == 0) {
      if (strcmp(value, "cpu") != 0 && strcmp(value, "batch") != 0 &&
          strcmp(value, "persistent") != 0)
        return usage_error("not cpu, batch or persistent", value);
      opt.drain = value;
    } else if (strcmp(arg, "--adapter") == 0) {
      opt.adapter = value;
    } else if (strcmp(arg, "--svg") == 0) {
      opt.svg = value;
    } else {
      opt.scan.rules_file = value;
    }
  }

  bench_points points;
  memset(&points, 0, sizeof points);
  int result = EXIT_TROUBLE;
  if (points_of(&opt, &points)) {
    bench_table table;
    memset(&table, 0, sizeof table);
    result = run(&opt, &points, &table);
    if (opt.svg != NULL && !table_svg(&table, opt.svg)) result = EXIT_TROUBLE;
  }
  for (uint32_t id = 0; id < points.set_count; id++) trm_rules_destroy(points.sets[id]);
  return result;
}
