/* trommel: the library as a command.
 *
 *   main.c      which command
 *   adapters.c  the GPUs and what they can do
 *   check.c     a rule file: problems, tiers, costs
 *   bench.c     how fast this machine is: what is measured
 *   table.c     and how it is shown: table, JSON, SVG
 *   top.c       what running engines do
 *
 * `trommel scan` is examples-c/scan_tree. C99 and POSIX threads. */
#ifndef TROMMEL_COMMAND_H
#define TROMMEL_COMMAND_H

#include "../../examples-c/scan_tree/scan_tree.h"

int adapters_main(int argc, char **argv);
int check_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int top_main(int argc, char **argv);

/* Says what is wrong with the command line; the exit code for it. */
int usage_error(const char *what, const char *value);

/* Text between quotes, as JSON wants it; bytes that are no ASCII are left alone (they are UTF-8).
 */
void print_json_text(const char *text);

/* ---- table.c ---- */
enum { MOST_ROWS = 64 };

/* What a row belongs to: as many rules for items of each size, or items of one size for more and
 * more rules. */
typedef enum bench_sweep { BY_SIZE, BY_RULES } bench_sweep;

typedef struct bench_row {
  bench_sweep sweep;
  const char *drain;
  uint64_t rules;
  uint32_t item_bytes;
  double items_per_second;
} bench_row;

typedef struct bench_table {
  bench_row rows[MOST_ROWS];
  size_t count;
} bench_table;

void table_begin(bool json);
void table_row(const bench_row *row, bool json);
/* False: the file cannot be written, which is said. */
bool table_svg(const bench_table *table, const char *path);

#endif
