#ifdef __linux__
#define _GNU_SOURCE 1 /* unshare */
#include <sched.h>
#endif
#include "scan_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t stop_requested;
const char *program_name = "scan_tree";

void *must_realloc(void *memory, size_t count, size_t size) {
  if (count > SIZE_MAX / size || (memory = realloc(memory, count * size)) == NULL) {
    fprintf(stderr, "%s: out of memory\n", program_name);
    exit(EXIT_TROUBLE);
  }
  return memory;
}

char *must_join(const char *directory, const char *name) {
  size_t before = directory != NULL ? strlen(directory) : 0, behind = strlen(name) + 1;
  char *path = (char *)must_realloc(NULL, before + behind + 1, 1);
  if (before > 0) {
    memcpy(path, directory, before);
    if (path[before - 1] != '/') path[before++] = '/';
  }
  memcpy(path + before, name, behind);
  return path;
}

/* The first signal asks everybody to finish what is under way; a second one ends the program. */
static void on_signal(int number) {
  (void)number;
  stop_requested = 1;
}

static void catch_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

static trm_engine *create_engine(const options *opt, const trm_rules *rules) {
  trm_engine *engine = NULL;
  trm_options o;
  trm_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  trm_status status = trm_options_init(&o, sizeof o);
  if (status == TRM_OK) {
    o.arena_bytes = opt->arena_bytes;
    o.cpu_threads = opt->threads;
    o.max_matches_per_item = UINT64_MAX; /* files are printed whole */
    o.adapter = opt->adapter;
    if (strcmp(opt->drain, "cpu") == 0) o.processor = TRM_PROCESSOR_CPU;
    if (strcmp(opt->drain, "batch") == 0)
      o.processor = TRM_PROCESSOR_GPU, o.mode = TRM_MODE_DISABLE;
    if (strcmp(opt->drain, "persistent") == 0)
      o.processor = TRM_PROCESSOR_GPU, o.mode = TRM_MODE_FORCE;
    /* We look at what we read: whether it is text, and what findings say. */
    o.flags |= TRM_OPTION_STAGED_INPUT;
    status = trm_engine_create(&o, &engine, &error);
  }
  if (status == TRM_OK) status = trm_engine_load_rules(engine, 0, rules, &error);
  if (status == TRM_OK) return engine;
  fprintf(stderr, "%s: %s\n", program_name,
          error.message[0] ? error.message : trm_status_string(status));
  trm_engine_destroy(engine);
  return NULL;
}

/* Who emptied the ring, as the engine tells it. */
static const char *drain_name(const trm_engine *engine) {
  trm_engine_stats_t stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  if (trm_engine_stats(engine, &stats) != TRM_OK) return "unknown";
  switch (stats.drain) {
  case TRM_DRAIN_CPU: return "cpu";
  case TRM_DRAIN_CALLER: return "caller";
  case TRM_DRAIN_BATCH: return "batch";
  case TRM_DRAIN_PERSISTENT: return "persistent";
  default: return "unknown";
  }
}

/* A table of file descriptors for each reader, where there is such a thing: a shared one is locked
 * for each file that is opened or closed, and many readers wait for that more than for anything
 * else. What the process has open stays open in all of them. */
static void *start_reader(void *shared) {
#ifdef __linux__
  (void)unshare(CLONE_FILES); /* refused: it is slower then */
#endif
  return reader_main(shared);
}

/* Starts the readers, gives them what was named, and waits for them. Signals come to this thread
 * alone: the readers never see them. */
static void scan(const options *opt, trm_engine *engine, report *rep) {
  path_queue queue;
  reader_shared shared = {opt, engine, &queue, rep};
  uint32_t readers = opt->readers > 0 ? opt->readers : opt->threads;
  /* A GPU is fed by threads of the engine's, which have as much to do as readers. */
  if (opt->readers == 0 && readers > 4 && strcmp(drain_name(engine), "persistent") == 0)
    readers -= 2;
  pthread_t *threads = (pthread_t *)must_realloc(NULL, readers, sizeof *threads);
  sigset_t ours, before;
  uint32_t started = 0;
  queue_init(&queue);
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ours, &before);
  while (started < readers && pthread_create(&threads[started], NULL, start_reader, &shared) == 0)
    started++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started == 0)
    report_trouble(rep, "starting threads", "the system has none left");
  else
    walk_named(opt, &queue, rep);
  while (started > 0) pthread_join(threads[--started], NULL);
  queue_destroy(&queue);
  free(threads);
}

int scan_tree(int argc, char **argv) {
  options opt;
  rule_names names;
  report rep;
  int exit_code = EXIT_TROUBLE;
  if (!options_parse(&opt, argc, argv, &exit_code)) return exit_code;

  trm_rules *rules = rules_load(&opt, &names);
  trm_engine *engine = rules != NULL ? create_engine(&opt, rules) : NULL;
  trm_rules_destroy(rules); /* the engine keeps what it needs */
  if (engine != NULL) {
    catch_signals();
    report_start(&rep, &opt, &names);
    scan(&opt, engine, &rep);
    const char *drain = drain_name(engine);
    trm_status closed = trm_engine_close(engine, INT64_C(10000000000));
    if (closed != TRM_OK) report_trouble(&rep, "closing the engine", trm_status_string(closed));
    trm_engine_destroy(engine);
    report_finish(&rep, drain);
    exit_code = rep.troubles > 0       ? EXIT_TROUBLE
                : stop_requested       ? EXIT_INTERRUPTED
                : rep.all.findings > 0 ? EXIT_FOUND
                                       : EXIT_NOTHING;
  }
  rule_names_free(&names);
  return exit_code;
}
