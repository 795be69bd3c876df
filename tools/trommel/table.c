#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void table_begin(bool json) {
  if (!json) printf("%-12s %10s %14s %10s\n", "drain", "item bytes", "items/s", "GB/s");
}

void table_row(const bench_row *row, bool json) {
  double gigabytes = row->items_per_second * row->item_bytes * 1e-9;
  if (json)
    printf("{\"drain\":\"%s\",\"item_bytes\":%" PRIu32
           ",\"items_per_second\":%.0f,\"gigabytes_per_second\":%.4f}\n",
           row->drain, row->item_bytes, row->items_per_second, gigabytes);
  else
    printf("%-12s %10" PRIu32 " %14.0f %10.3f\n", row->drain, row->item_bytes,
           row->items_per_second, gigabytes);
  fflush(stdout);
}

/* ---- the chart: bytes an item to the right, GB/s upwards, both by powers ---- */

enum { WIDTH = 640, HEIGHT = 400, LEFT = 70, RIGHT = 120, TOP = 40, BOTTOM = 50 };

typedef struct axes {
  double x_low, x_high, y_low, y_high; /* log2 and log10 */
} axes;

static double x_of(const axes *a, double bytes) {
  return LEFT + (WIDTH - LEFT - RIGHT) * (log2(bytes) - a->x_low) / (a->x_high - a->x_low);
}

static double y_of(const axes *a, double gigabytes) {
  return HEIGHT - BOTTOM -
         (HEIGHT - TOP - BOTTOM) * (log10(gigabytes) - a->y_low) / (a->y_high - a->y_low);
}

static double gigabytes_of(const bench_row *row) {
  double value = row->items_per_second * row->item_bytes * 1e-9;
  return value > 1e-6 ? value : 1e-6;
}

static axes axes_for(const bench_table *t) {
  axes a = {1e9, -1e9, 1e9, -1e9};
  for (size_t i = 0; i < t->count; i++) {
    double x = log2(t->rows[i].item_bytes), y = log10(gigabytes_of(&t->rows[i]));
    if (x < a.x_low) a.x_low = x;
    if (x > a.x_high) a.x_high = x;
    if (floor(y) < a.y_low) a.y_low = floor(y);
    if (ceil(y) > a.y_high) a.y_high = ceil(y);
  }
  if (a.x_high <= a.x_low) a.x_high = a.x_low + 1;
  if (a.y_high <= a.y_low) a.y_high = a.y_low + 1;
  return a;
}

static void grid(FILE *out, const bench_table *t, const axes *a) {
  for (double y = a->y_low; y <= a->y_high + 0.5; y++) {
    double at = y_of(a, pow(10, y));
    fprintf(out,
            "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>"
            "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
            LEFT, at, WIDTH - RIGHT, at, LEFT - 6, at + 4, pow(10, y));
  }
  for (size_t i = 0; i < t->count && t->rows[i].drain == t->rows[0].drain; i++) {
    double at = x_of(a, t->rows[i].item_bytes);
    fprintf(out,
            "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#eee'/>"
            "<text x='%.1f' y='%d' text-anchor='middle'>%" PRIu32 "</text>\n",
            at, TOP, at, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 16, t->rows[i].item_bytes);
  }
  fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>bytes an item</text>\n",
          (WIDTH - RIGHT + LEFT) / 2, HEIGHT - 12);
  fprintf(out, "<text x='%d' y='%d'>GB/s, %zu rules</text>\n", LEFT, TOP - 14, t->rules);
}

static void curves(FILE *out, const bench_table *t, const axes *a) {
  static const char *const colours[] = {"#1f77b4", "#ff7f0e", "#2ca02c"};
  for (size_t i = 0, curve = 0; i < t->count; curve++) {
    const char *drain = t->rows[i].drain, *colour = colours[curve % 3];
    double x = 0, y = 0;
    fprintf(out, "<polyline fill='none' stroke='%s' stroke-width='2' points='", colour);
    for (; i < t->count && t->rows[i].drain == drain; i++) {
      x = x_of(a, t->rows[i].item_bytes);
      y = y_of(a, gigabytes_of(&t->rows[i]));
      fprintf(out, "%.1f,%.1f ", x, y);
    }
    fprintf(out, "'/><text x='%.1f' y='%.1f' fill='%s'>%s</text>\n", x + 8, y + 4, colour, drain);
  }
}

bool table_svg(const bench_table *table, const char *path) {
  FILE *out = fopen(path, "w");
  bool fine = out != NULL;
  if (fine) {
    axes a = axes_for(table);
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n<rect width='%d' height='%d' "
            "fill='white'/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    if (table->count > 0) {
      grid(out, table, &a);
      curves(out, table, &a);
    }
    fputs("</svg>\n", out);
    fine = !ferror(out);
    fine = fclose(out) == 0 && fine;
  }
  if (!fine) fprintf(stderr, "%s: %s: %s\n", program_name, path, strerror(errno));
  return fine;
}
