#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: trommel top [OPTION]... [FOLDER]\n"
    "Shows what running engines do. An engine tells where its program runs with the environment\n"
    "variable TROMMEL_STATS set to a folder; FOLDER is that folder, or else $TROMMEL_STATS.\n"
    "\n"
    "      --interval S  seconds between two looks (1)\n"
    "  -n, --count N     end after N looks (never; 1 with --json)\n"
    "      --json        an object a line for each engine and look\n"
    "\n"
    "Exit code: 0, 1 the last look found no engine, 2 trouble.\n";

enum { MOST_ENGINES = 256, PATH_BYTES = 4096 };
/* An engine renews its file four times a second: what is much older was left by a killed program.
 */
enum { STALE_SECONDS = 5 };

typedef struct reading {
  char name[64], program[64], drain[16];
  uint64_t pid, milliseconds, finished, bytes, matches, failed, in_flight, ring_size, arena_used,
      arena_bytes, rule_sets, failovers, host_items;
} reading;

typedef struct look {
  reading engines[MOST_ENGINES];
  size_t count;
} look;

static volatile sig_atomic_t interrupted = 0;

static void on_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

static void copy_text(char *to, size_t capacity, const char *from) {
  snprintf(to, capacity, "%.*s", (int)capacity - 1, from);
}

static void read_line(reading *r, const char *name, const char *value) {
  const struct {
    const char *name;
    uint64_t *to;
  } numbers[] = {{"pid", &r->pid},
                 {"milliseconds", &r->milliseconds},
                 {"finished", &r->finished},
                 {"bytes", &r->bytes},
                 {"matches", &r->matches},
                 {"failed", &r->failed},
                 {"in_flight", &r->in_flight},
                 {"ring_size", &r->ring_size},
                 {"arena_used", &r->arena_used},
                 {"arena_bytes", &r->arena_bytes},
                 {"rule_sets", &r->rule_sets},
                 {"failovers", &r->failovers},
                 {"host_items", &r->host_items}};
  if (strcmp(name, "program") == 0) copy_text(r->program, sizeof r->program, value);
  if (strcmp(name, "drain") == 0) copy_text(r->drain, sizeof r->drain, value);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strcmp(name, numbers[i].name) == 0) *numbers[i].to = strtoull(value, NULL, 10);
}

/* False: no file of a running engine. */
static bool read_file(const char *path, reading *r) {
  struct stat about;
  FILE *file = stat(path, &about) == 0 && time(NULL) - about.st_mtime <= STALE_SECONDS
                   ? fopen(path, "r")
                   : NULL;
  if (file == NULL) return false;
  char line[1024];
  bool ours = false;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *value = strchr(line, ' ');
    if (value == NULL) continue;
    *value++ = '\0';
    ours = ours || strcmp(line, "trommel") == 0;
    read_line(r, line, value);
  }
  fclose(file);
  return ours;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const reading *)a)->name, ((const reading *)b)->name);
}

/* False: the folder cannot be read, which is said. */
static bool look_into(const char *folder, look *into) {
  DIR *entries = opendir(folder);
  into->count = 0;
  if (entries == NULL) {
    fprintf(stderr, "%s: %s: %s\n", program_name, folder, strerror(errno));
    return false;
  }
  for (struct dirent *entry; (entry = readdir(entries)) != NULL && into->count < MOST_ENGINES;) {
    const char *ending = strrchr(entry->d_name, '.');
    if (entry->d_name[0] == '.' || ending == NULL || strcmp(ending, ".trommel") != 0) continue;
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) continue;
    reading *r = &into->engines[into->count];
    memset(r, 0, sizeof *r);
    copy_text(r->name, sizeof r->name, entry->d_name);
    if (read_file(path, r)) into->count++;
  }
  closedir(entries);
  qsort(into->engines, into->count, sizeof into->engines[0], by_name);
  return true;
}

/* What the engine did since `before`, or since it began where that look did not know it. */
static reading since(const look *before, const reading *now) {
  reading r = {0};
  for (size_t i = 0; i < before->count; i++)
    if (strcmp(before->engines[i].name, now->name) == 0) r = before->engines[i];
  r.milliseconds = now->milliseconds - r.milliseconds;
  r.finished = now->finished - r.finished;
  r.bytes = now->bytes - r.bytes;
  r.matches = now->matches - r.matches;
  return r;
}

static double percent(uint64_t part, uint64_t whole) {
  return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void show(const look *before, const look *now, bool json) {
  if (!json) {
    if (isatty(STDOUT_FILENO)) fputs("\033[H\033[J", stdout);
    printf("%8s %-16s %-10s %12s %8s %12s %7s %7s %5s %6s %6s\n", "pid", "program", "drain",
           "items/s", "GB/s", "matches/s", "ring%", "arena%", "sets", "failed", "host");
  }
  for (size_t i = 0; i < now->count; i++) {
    const reading *n = &now->engines[i];
    reading d = since(before, n);
    double seconds = d.milliseconds > 0 ? (double)d.milliseconds * 1e-3 : 1e-3;
    double items = (double)d.finished / seconds, gigabytes = (double)d.bytes / seconds * 1e-9;
    double matches = (double)d.matches / seconds;
    if (json) {
      printf("{\"pid\":%" PRIu64 ",\"program\":", n->pid);
      print_json_text(n->program);
      printf(",\"drain\":\"%s\",\"items_per_second\":%.1f,\"gigabytes_per_second\":%.6f,"
             "\"matches_per_second\":%.1f,\"finished\":%" PRIu64 ",\"in_flight\":%" PRIu64
             ",\"ring_size\":%" PRIu64 ",\"arena_used\":%" PRIu64 ",\"arena_bytes\":%" PRIu64
             ",\"rule_sets\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"failovers\":%" PRIu64
             ",\"host_items\":%" PRIu64 "}\n",
             n->drain, items, gigabytes, matches, n->finished, n->in_flight, n->ring_size,
             n->arena_used, n->arena_bytes, n->rule_sets, n->failed, n->failovers, n->host_items);
    } else {
      printf("%8" PRIu64 " %-16.16s %-10s %12.0f %8.3f %12.0f %7.1f %7.1f %5" PRIu64 " %6" PRIu64
             " %6" PRIu64 "\n",
             n->pid, n->program, n->drain, items, gigabytes, matches,
             percent(n->in_flight, n->ring_size), percent(n->arena_used, n->arena_bytes),
             n->rule_sets, n->failed, n->host_items);
    }
  }
  fflush(stdout);
}

static void wait_for(double seconds) {
  struct timespec left;
  left.tv_sec = (time_t)seconds;
  left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
  while (!interrupted && nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

int top_main(int argc, char **argv) {
  const char *folder = getenv("TROMMEL_STATS");
  double interval = 1;
  unsigned long looks = 0;
  bool json = false;
  for (int i = 1; i < argc; i++) {
    const char *argument = argv[i];
    char *end = NULL;
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
      fputs(usage, stdout);
      return 0;
    } else if (strcmp(argument, "--json") == 0) {
      json = true;
    } else if (strcmp(argument, "--interval") == 0) {
      interval = i + 1 < argc ? strtod(argv[++i], &end) : 0;
      if (end == NULL || *end != '\0' || !(interval >= 0.05 && interval <= 3600))
        return usage_error("--interval wants 0.05 to 3600 seconds", end != NULL ? argv[i] : NULL);
    } else if (strcmp(argument, "-n") == 0 || strcmp(argument, "--count") == 0) {
      looks = i + 1 < argc ? strtoul(argv[++i], &end, 10) : 0;
      if (end == NULL || *end != '\0' || looks == 0 || argv[i][0] == '-')
        return usage_error("--count wants a number from 1 on", end != NULL ? argv[i] : NULL);
    } else if (argument[0] == '-') {
      return usage_error("unknown option", argument);
    } else {
      folder = argument;
    }
  }
  if (folder == NULL || folder[0] == '\0')
    return usage_error("name the folder that the programs' TROMMEL_STATS names", NULL);
  if (json && looks == 0) looks = 1;

  static look both[2];
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  if (!look_into(folder, &both[0])) return EXIT_TROUBLE;
  for (unsigned long n = 1;; n++) {
    wait_for(interval);
    if (interrupted || !look_into(folder, &both[n % 2])) break;
    show(&both[(n + 1) % 2], &both[n % 2], json);
    if (n == looks) return both[n % 2].count > 0 ? 0 : EXIT_NOTHING;
  }
  return interrupted ? 0 : EXIT_TROUBLE;
}
