#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void table_begin(bool json) {
  if (!json)
    printf("%-12s %8s %10s %14s %10s\n", "drain", "rules", "item bytes", "items/s", "GB/s");
}

void table_row(const bench_row *row, bool json) {
  double gigabytes = row->items_per_second * row->item_bytes * 1e-9;
  if (json)
    printf("{\"drain\":\"%s\",\"rules\":%" PRIu64 ",\"item_bytes\":%" PRIu32
           ",\"items_per_second\":%.0f,\"gigabytes_per_second\":%.4f}\n",
           row->drain, row->rules, row->item_bytes, row->items_per_second, gigabytes);
  else
    printf("%-12s %8" PRIu64 " %10" PRIu32 " %14.0f %10.3f\n", row->drain, row->rules,
           row->item_bytes, row->items_per_second, gigabytes);
  fflush(stdout);
}

/* ---- the charts: bytes an item, or rules, to the right, GB/s upwards, both by powers ---- */

enum { WIDTH = 640, HEIGHT = 400, LEFT = 70, RIGHT = 120, TOP = 40, BOTTOM = 50 };

typedef struct chart {
  const bench_table *table;
  bench_sweep sweep;
  double x_low, x_high, y_low, y_high; /* log2 and log10 */
} chart;

static bool belongs(const chart *c, size_t row) {
  return row < c->table->count && c->table->rows[row].sweep == c->sweep;
}

static double x_value(const chart *c, const bench_row *row) {
  return c->sweep == BY_SIZE ? (double)row->item_bytes : (double)row->rules;
}

static double x_of(const chart *c, const bench_row *row) {
  return LEFT +
         (WIDTH - LEFT - RIGHT) * (log2(x_value(c, row)) - c->x_low) / (c->x_high - c->x_low);
}

static double y_of(const chart *c, double gigabytes) {
  return HEIGHT - BOTTOM -
         (HEIGHT - TOP - BOTTOM) * (log10(gigabytes) - c->y_low) / (c->y_high - c->y_low);
}

static double gigabytes_of(const bench_row *row) {
  double value = row->items_per_second * row->item_bytes * 1e-9;
  return value > 1e-6 ? value : 1e-6;
}

/* False: nothing was measured that belongs to it. */
static bool chart_of(chart *c, const bench_table *t, bench_sweep sweep) {
  const chart empty = {t, sweep, 1e9, -1e9, 1e9, -1e9};
  bool any = false;
  *c = empty;
  for (size_t i = 0; i < t->count; i++) {
    if (!belongs(c, i)) continue;
    double x = log2(x_value(c, &t->rows[i])), y = log10(gigabytes_of(&t->rows[i]));
    if (x < c->x_low) c->x_low = x;
    if (x > c->x_high) c->x_high = x;
    if (floor(y) < c->y_low) c->y_low = floor(y);
    if (ceil(y) > c->y_high) c->y_high = ceil(y);
    any = true;
  }
  if (c->x_high <= c->x_low) c->x_high = c->x_low + 1;
  if (c->y_high <= c->y_low) c->y_high = c->y_low + 1;
  return any;
}

static size_t first_row(const chart *c) {
  size_t first = 0;
  while (!belongs(c, first)) first++;
  return first;
}

static void grid(FILE *out, const chart *c) {
  for (double y = c->y_low; y <= c->y_high + 0.5; y++) {
    double at = y_of(c, pow(10, y));
    fprintf(out,
            "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>"
            "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
            LEFT, at, WIDTH - RIGHT, at, LEFT - 6, at + 4, pow(10, y));
  }
  const bench_row *first = &c->table->rows[first_row(c)];
  for (const bench_row *row = first;
       belongs(c, (size_t)(row - c->table->rows)) && row->drain == first->drain; row++) {
    double at = x_of(c, row);
    fprintf(out,
            "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#eee'/>"
            "<text x='%.1f' y='%d' text-anchor='middle'>%.0f</text>\n",
            at, TOP, at, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 16, x_value(c, row));
  }
  fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n", (WIDTH - RIGHT + LEFT) / 2,
          HEIGHT - 12, c->sweep == BY_SIZE ? "bytes an item" : "rules");
  fprintf(out, "<text x='%d' y='%d'>GB/s, ", LEFT, TOP - 14);
  if (c->sweep == BY_SIZE)
    fprintf(out, "%" PRIu64 " rules</text>\n", first->rules);
  else
    fprintf(out, "items of %" PRIu32 " bytes</text>\n", first->item_bytes);
}

static void curves(FILE *out, const chart *c) {
  static const char *const colours[] = {"#1f77b4", "#ff7f0e", "#2ca02c"};
  size_t curve = 0;
  for (size_t i = 0; i < c->table->count;) {
    if (!belongs(c, i)) {
      i++;
      continue;
    }
    const char *drain = c->table->rows[i].drain, *colour = colours[curve++ % 3];
    double x = 0, y = 0;
    fprintf(out, "<polyline fill='none' stroke='%s' stroke-width='2' points='", colour);
    for (; belongs(c, i) && c->table->rows[i].drain == drain; i++) {
      x = x_of(c, &c->table->rows[i]);
      y = y_of(c, gigabytes_of(&c->table->rows[i]));
      fprintf(out, "%.1f,%.1f ", x, y);
    }
    fprintf(out, "'/><text x='%.1f' y='%.1f' fill='%s'>%s</text>\n", x + 8, y + 4, colour, drain);
  }
}

bool table_svg(const bench_table *table, const char *path) {
  FILE *out = fopen(path, "w");
  bool fine = out != NULL;
  if (fine) {
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n<rect width='%d' height='%d' "
            "fill='white'/>\n",
            2 * WIDTH, HEIGHT, 2 * WIDTH, HEIGHT);
    for (int side = 0; side < 2; side++) {
      chart c;
      if (!chart_of(&c, table, side == 0 ? BY_SIZE : BY_RULES)) continue;
      fprintf(out, "<g transform='translate(%d 0)'>\n", side * WIDTH);
      grid(out, &c);
      curves(out, &c);
      fputs("</g>\n", out);
    }
    fputs("</svg>\n", out);
    fine = !ferror(out);
    fine = fclose(out) == 0 && fine;
  }
  if (!fine) fprintf(stderr, "%s: %s: %s\n", program_name, path, strerror(errno));
  return fine;
}
