/* scan_tree: searches files and directories for many patterns at once.
 *
 *   main.c      sets everything up, walks, sums up
 *   options.c   the command line
 *   rules.c     the rule file
 *   walk.c      directories, and the queue of what the readers have to do
 *   reader.c    a reading thread: lists, reads, scans, reports
 *   feeder.c    files into the engine's memory, many side by side, and their answers
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
  uint32_t threads; /* scanning ones */
  uint32_t readers; /* 0: nobody said how many */
  bool literals;    /* -F */
  bool text;        /* -a: look into binary files too */
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
typedef struct path_list {
  char **paths;
  size_t count, capacity;
} path_list;

/* Files to be read and directories to be listed; the readers do both. */
typedef struct path_queue {
  pthread_mutex_t lock;
  pthread_cond_t filled;
  path_list files, directories; /* the last is taken first */
  size_t waiting;               /* readers that wait for something to do */
  size_t listing; /* directories, and the command line, whose paths are still to come */
} path_queue;

enum { PATHS_AT_ONCE = 32 };

/* What a reader is to do next. It owns the paths. */
typedef struct work {
  char *files[PATHS_AT_ONCE]; /* the last one first */
  size_t count;
  char *directory; /* or NULL */
} work;

typedef enum took { TOOK_WORK, TOOK_NOTHING_NOW, TOOK_NOTHING_ANY_MORE } took;

void queue_init(path_queue *queue);
void queue_destroy(path_queue *queue);
took queue_take(path_queue *queue, work *next, bool wait);
void queue_give_back(path_queue *queue, work *rest); /* files that somebody else had better read */

/* ---- report.c ---- */
/* What was scanned and found; a thread's own, or everybody's. */
typedef struct tally {
  uint64_t files, bytes, binaries;
  uint64_t findings, hidden, files_with_findings;
} tally;

typedef struct report {
  const options *opt;
  const rule_names *names;
  pthread_mutex_t lock;
  tally all;
  uint64_t troubles;
  bool progress; /* a progress line stands on the terminal now and then */
  bool progress_shown;
  bool leaving;
  pthread_t progress_thread;
  pthread_cond_t wake;
  double started;
} report;

void report_start(report *rep, const options *opt, const rule_names *names);
/* All findings of one file, in the order of the file. Sorts `matches`. What is counted comes
 * together in `mine`, and goes on to the report now and then. */
void report_file(report *rep, tally *mine, const char *path, const unsigned char *bytes, size_t len,
                 trm_match *matches, size_t count);
/* As report_file, of a file that is too large to be held: read again for lines and texts. */
void report_large(report *rep, tally *mine, const char *path, int fd, uint64_t len,
                  trm_match *matches, size_t count);
void report_add(report *rep, tally *mine); /* counts it in, and begins anew */
/* A line on standard error; the exit code will say that there was trouble. */
void report_trouble(report *rep, const char *what, const char *why);
void report_finish(report *rep, const char *drain);

/* ---- walk.c again: needs the report ---- */
void walk_named(const options *opt, path_queue *queue, report *rep);
/* Takes the path. */
void walk_directory(char *path, path_queue *queue, report *rep);

/* ---- feeder.c ---- */
enum { SLOTS = 1024, FILES_AT_ONCE = 256, CHUNKS = 64 };

/* A piece of the engine's memory with files side by side, of which some are being scanned. */
typedef struct chunk {
  trm_region region; /* bytes is NULL: it is not in use */
  size_t used;       /* bytes that files have */
  uint32_t items;    /* of these files */
} chunk;

/* A file that the engine has not answered yet; its number is the item's correlation. */
typedef struct slot {
  char *path;
  const unsigned char *bytes; /* NULL for an empty file */
  uint32_t len;
  uint32_t chunk;
} slot;

typedef struct feeder {
  report *rep;
  trm_engine *handle;
  tally counted;
  size_t limit; /* a file may take so much of the arena */
  size_t chunk_size;
  chunk chunks[CHUNKS];
  uint32_t open;         /* the chunk that files are read into */
  unsigned char *buffer; /* NULL, or what its files are read into first */
  size_t moved;          /* bytes of it that were copied from there */
  slot slots[SLOTS];
  uint32_t free_slots[SLOTS];
  uint32_t free_count;
  trm_work_item batch[FILES_AT_ONCE];
  size_t batched, batched_bytes;
  size_t in_flight;
  trm_completion completions[SLOTS];
  trm_match *matches;
  size_t match_capacity;
} feeder;

/* All of these are false when the scan cannot go on; why is said then. */
bool feeder_init(feeder *f, const options *opt, trm_engine *engine, report *rep);
void feeder_destroy(feeder *f);
/* Memory for a file of up to `len` bytes, len > 0. The next call of feeder_submit fills it, or
 * none. */
bool feeder_place(feeder *f, size_t len, unsigned char **to);
/* The file's bytes lie where feeder_place said, or it is empty. Takes the path. */
bool feeder_submit(feeder *f, char *path, size_t len);
bool feeder_flush(feeder *f);              /* what was submitted begins to be scanned */
bool feeder_collect(feeder *f, bool wait); /* reports what is finished; waits for something */
bool feeder_drain(feeder *f);              /* everything that was submitted is reported */
void feeder_grow_matches(feeder *f, size_t needed);
void feeder_give_up(feeder *f, const char *what, trm_status status);

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
