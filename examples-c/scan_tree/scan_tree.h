/* scan_tree: searches files and directories for many patterns at once.
 *
 *   main.c      sets everything up, walks, sums up
 *   options.c   the command line
 *   rules.c     the rule file
 *   walk.c      directories, and the queue of paths that the readers empty
 *   reader.c    reads files into the engine's memory, submits them, collects the answers
 *   report.c    prints findings, progress and the closing line
 *   program.c   makes a program of it; the trommel command takes everything else as `trommel scan`
 *
 * C99 and POSIX threads; it compiles as C++17 too. */
#ifndef SCAN_TREE_H
#define SCAN_TREE_H

#include "trommel.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As grep: something found, nothing found, trouble (whatever was found). */
enum { EXIT_FOUND = 0, EXIT_NOTHING = 1, EXIT_TROUBLE = 2, EXIT_INTERRUPTED = 130 };

/* ---- options.c ---- */
typedef struct options {
  const char *rules_file;
  const char *drain; /* "auto", "cpu", "batch" or "persistent" */
  const char *adapter;
  char *const *paths; /* "-": standard input */
  size_t path_count;
  uint64_t max_matches; /* printed for a file; UINT64_MAX: all of them */
  uint64_t arena_bytes;
  uint32_t threads;
  bool literals; /* -F */
  bool text;     /* -a: look into binary files too */
  bool json;
  bool count;
} options;

/* False: leave with *exit_code, everything is said. */
bool options_parse(options *opt, int argc, char **argv, int *exit_code);

/* ---- rules.c ---- */
typedef struct rule_names {
  char *text;    /* the rule file; names of rules point into it */
  char *numbers; /* names of literals point into this */
  const char **names;
  size_t *name_lengths;
  size_t count; /* a rule's id is an index into these */
} rule_names;

/* NULL: everything is said, with line numbers. */
trm_rules *rules_load(const options *opt, rule_names *names);
void rule_names_free(rule_names *names);

/* ---- walk.c ---- */
enum { QUEUE_CAPACITY = 1024 };
typedef struct path_queue {
  pthread_mutex_t lock;
  pthread_cond_t filled, emptied;
  char *paths[QUEUE_CAPACITY];
  size_t first, count, waiting; /* readers that wait for a path */
  bool finished;
} path_queue;

void queue_init(path_queue *queue);
void queue_destroy(path_queue *queue);
void queue_push(path_queue *queue, char *path);  /* waits for room; the queue owns the path now */
void queue_finish(path_queue *queue);            /* nothing more will be pushed */
char *queue_pop(path_queue *queue, bool *empty); /* NULL: finished, or (empty not NULL) none now */

/* ---- report.c ---- */
typedef struct report {
  const options *opt;
  const rule_names *names;
  pthread_mutex_t lock;
  uint64_t files, bytes, binaries;
  uint64_t findings, hidden, files_with_findings;
  uint64_t troubles;
  bool progress; /* a progress line stands on the terminal now and then */
  bool progress_shown;
  bool leaving;
  pthread_t progress_thread;
  pthread_cond_t wake;
  double started;
} report;

void report_start(report *rep, const options *opt, const rule_names *names);
/* All findings of one file, in the order of the file. Sorts `matches`. */
void report_file(report *rep, const char *path, const unsigned char *bytes, size_t len,
                 trm_match *matches, size_t count);
/* As report_file, of a file that is too large to be held: read again for lines and texts. */
void report_large(report *rep, const char *path, int fd, uint64_t len, trm_match *matches,
                  size_t count);
void report_binary(report *rep);
/* A line on standard error; the exit code will say that there was trouble. */
void report_trouble(report *rep, const char *what, const char *why);
void report_finish(report *rep, const char *drain);

/* ---- walk.c again: needs the queue and the report ---- */
void walk(const options *opt, path_queue *queue, report *rep);

/* ---- reader.c ---- */
typedef struct reader_shared {
  const options *opt;
  trm_engine *engine;
  path_queue *queue;
  report *rep;
} reader_shared;

void *reader_main(void *reader_shared_pointer);

/* ---- main.c ---- */
extern volatile sig_atomic_t
    stop_requested; /* SIGINT or SIGTERM came, or an error that ends the scan */

extern const char *program_name; /* how messages begin */

int scan_tree(int argc, char **argv);

/* malloc and realloc that end the program instead of returning NULL. */
void *must_realloc(void *memory, size_t count, size_t size);
char *must_join(const char *directory, const char *name);

#endif
