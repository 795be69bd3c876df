/* scan_tree with Vectorscan in the place of the engine: `run` links it instead of reader.c, with
 * everything else as it is. A thread reads a file into a buffer of its own, which stays in its
 * caches, and scans it at once: the best that a scanner on processors can do. A finding is a rule
 * that matches in a file, whatever the rule's flag H. */
#include "scan_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t BINARY_WINDOW = (size_t)64 << 10;
static hs_database_t *database;
static size_t rule_count;

/* A thread's own. */
typedef struct scanner {
  unsigned char *bytes;
  size_t capacity;
  uint64_t *seen; /* by rule: the number of the last file that it matched in */
  uint64_t file;
  size_t matched; /* rules, in this file */
} scanner;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", program_name, what, why);
  exit(EXIT_TROUBLE);
}

/* The linker sends scan_tree's call of rules_load here, so that compiling is not part of the time.
 */
trm_rules *__real_rules_load(const options *opt, rule_names *names);
trm_rules *__wrap_rules_load(const options *opt, rule_names *names);

trm_rules *__wrap_rules_load(const options *opt, rule_names *names) {
  trm_rules *rules = __real_rules_load(opt, names);
  FILE *file = fopen(opt->rules_file, "r");
  if (rules == NULL || file == NULL) fail(opt->rules_file, "no rules");
  char **texts = (char **)must_realloc(NULL, names->count, sizeof *texts);
  unsigned *flags = (unsigned *)must_realloc(NULL, names->count, sizeof *flags);
  unsigned *ids = (unsigned *)must_realloc(NULL, names->count, sizeof *ids);
  char *line = NULL;
  size_t room = 0;
  while (rule_count < names->count && getline(&line, &room, file) > 0) {
    char *from = strstr(line, ":/"), *to = strrchr(line, '/');
    if (line[0] == '#' || from == NULL || to < from + 2) continue;
    flags[rule_count] = 0;
    if (strchr(to, 'i') != NULL) flags[rule_count] |= HS_FLAG_CASELESS;
    if (strchr(to, 's') != NULL) flags[rule_count] |= HS_FLAG_DOTALL;
    if (strchr(to, 'm') != NULL) flags[rule_count] |= HS_FLAG_MULTILINE;
    if (strchr(to, 'H') != NULL) flags[rule_count] |= HS_FLAG_SINGLEMATCH;
    *to = '\0';
    texts[rule_count] = must_join(NULL, from + 2);
    ids[rule_count] = (unsigned)rule_count;
    rule_count++;
  }
  hs_compile_error_t *error = NULL;
  if (hs_compile_multi((const char *const *)texts, flags, ids, (unsigned)rule_count, HS_MODE_BLOCK,
                       NULL, &database, &error) != HS_SUCCESS)
    fail(opt->rules_file, error->message);
  for (size_t i = 0; i < rule_count; i++) free(texts[i]);
  free(texts);
  free(flags);
  free(ids);
  free(line);
  fclose(file);
  return rules;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *user) {
  scanner *s = (scanner *)user;
  (void)from, (void)to, (void)flags;
  if (s->seen[id] != s->file) s->matched++;
  s->seen[id] = s->file;
  return 0;
}

/* False: an error. */
static bool read_file(scanner *s, const char *path, size_t *len) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  bool fine = fd >= 0 && fstat(fd, &info) == 0;
  *len = 0;
  if (fine && s->capacity < (size_t)info.st_size)
    s->bytes = (unsigned char *)must_realloc(s->bytes, s->capacity = (size_t)info.st_size * 2, 1);
  for (ssize_t n = 1; fine && n > 0 && *len < (size_t)info.st_size;) {
    n = read(fd, s->bytes + *len, (size_t)info.st_size - *len);
    fine = n >= 0;
    if (fine) *len += (size_t)n;
  }
  if (fd >= 0) close(fd);
  return fine;
}

static void scan_file(scanner *s, hs_scratch_t *scratch, report *rep, tally *mine, const char *path,
                      trm_match *matches) {
  size_t len = 0;
  s->file++;
  s->matched = 0;
  if (!read_file(s, path, &len)) {
    report_trouble(rep, path, strerror(errno));
  } else if (len > 0 && memchr(s->bytes, 0, len < BINARY_WINDOW ? len : BINARY_WINDOW) != NULL) {
    mine->binaries++;
  } else {
    if (len > 0 && hs_scan(database, (const char *)s->bytes, (unsigned)len, 0, scratch, on_match,
                           s) != HS_SUCCESS)
      report_trouble(rep, path, "hs_scan failed");
    report_file(rep, mine, path, s->bytes, len, matches, s->matched);
  }
}

void *reader_main(void *reader_shared_pointer) {
  reader_shared *shared = (reader_shared *)reader_shared_pointer;
  scanner s = {NULL, 0, (uint64_t *)must_realloc(NULL, rule_count, sizeof *s.seen), 0, 0};
  hs_scratch_t *scratch = NULL;
  trm_match *matches = (trm_match *)must_realloc(NULL, rule_count, sizeof *matches);
  tally mine;
  work now;
  memset(&mine, 0, sizeof mine);
  memset(s.seen, 0, rule_count * sizeof *s.seen);
  memset(matches, 0, rule_count * sizeof *matches);
  if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) fail("hs_alloc_scratch", "no memory");
  while (queue_take(shared->queue, &now, true) == TOOK_WORK) {
    if (now.directory != NULL) walk_directory(now.directory, shared->queue, shared->rep);
    while (now.count > 0) {
      char *path = now.files[--now.count];
      scan_file(&s, scratch, shared->rep, &mine, path, matches);
      free(path);
    }
  }
  report_add(shared->rep, &mine);
  hs_free_scratch(scratch);
  free(matches);
  free(s.seen);
  free(s.bytes);
  return NULL;
}
