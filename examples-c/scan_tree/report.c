#include "scan_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- a line under construction ---- */

typedef struct buffer {
  char *bytes;
  size_t len, capacity;
} buffer;

static void put(buffer *b, const void *bytes, size_t len) {
  if (len == 0) return;
  if (b->capacity - b->len < len) {
    b->capacity = (b->capacity + len) * 2;
    b->bytes = (char *)must_realloc(b->bytes, b->capacity, 1);
  }
  memcpy(b->bytes + b->len, bytes, len);
  b->len += len;
}

static void put_text(buffer *b, const char *text) {
  put(b, text, strlen(text));
}

static void put_number(buffer *b, uint64_t number) {
  char text[24];
  put(b, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, number));
}

/* How many bytes the UTF-8 character at the front has; 0: it is none (overlong, surrogate, cut). */
static size_t utf8_length(const unsigned char *s, size_t len) {
  unsigned char a = s[0];
  if (a < 0x80) return 1;
  size_t n = a >= 0xC2 && a <= 0xDF ? 2 : (a & 0xF0) == 0xE0 ? 3 : a >= 0xF0 && a <= 0xF4 ? 4 : 0;
  if (n == 0 || len < n) return 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  if ((a == 0xE0 && s[1] < 0xA0) || (a == 0xED && s[1] > 0x9F) || (a == 0xF0 && s[1] < 0x90) ||
      (a == 0xF4 && s[1] > 0x8F))
    return 0;
  return n;
}

/* A finding is one line and cannot steer a terminal: control characters and broken UTF-8 become
 * escapes. */
static void put_visible(buffer *b, const unsigned char *s, size_t len) {
  for (size_t i = 0; i < len;) {
    size_t n = utf8_length(s + i, len - i);
    bool c1_control = n == 2 && s[i] == 0xC2 && s[i + 1] < 0xA0;
    if (n > 0 && s[i] >= 0x20 && s[i] != 0x7F && !c1_control) {
      put(b, s + i, n);
      i += n;
      continue;
    }
    char escape[8];
    if (s[i] == '\n')
      put_text(b, "\\n");
    else if (s[i] == '\r')
      put_text(b, "\\r");
    else if (s[i] == '\t')
      put_text(b, "\t");
    else
      put(b, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02X", s[i]));
    i++;
  }
}

static bool is_utf8(const unsigned char *s, size_t len) {
  for (size_t i = 0; i < len;) {
    size_t n = utf8_length(s + i, len - i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

static void put_base64(buffer *b, const unsigned char *s, size_t len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < len; i += 3) {
    size_t n = len - i < 3 ? len - i : 3;
    uint32_t v = (uint32_t)s[i] << 16;
    if (n > 1) v |= (uint32_t)s[i + 1] << 8;
    if (n > 2) v |= s[i + 2];
    char out[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                   n > 2 ? digits[v & 63] : '='};
    put(b, out, 4);
  }
}

/* "key":"value"; bytes that are no UTF-8 go under "key_base64", so that nothing is changed or lost.
 */
static void put_json(buffer *b, const char *key, const unsigned char *s, size_t len) {
  bool text = is_utf8(s, len);
  put_text(b, "\"");
  put_text(b, key);
  put_text(b, text ? "\":\"" : "_base64\":\"");
  if (!text) put_base64(b, s, len);
  for (size_t i = 0; text && i < len; i++) {
    char escape[8];
    if (s[i] == '"' || s[i] == '\\') put(b, "\\", 1);
    if (s[i] >= 0x20)
      put(b, s + i, 1);
    else if (s[i] == '\n')
      put_text(b, "\\n");
    else if (s[i] == '\t')
      put_text(b, "\\t");
    else
      put(b, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", s[i]));
  }
  put_text(b, "\"");
}

/* ---- findings ---- */

static int in_file_order(const void *a, const void *b) {
  const trm_match *x = (const trm_match *)a, *y = (const trm_match *)b;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return x->rule_id < y->rule_id ? -1 : x->rule_id > y->rule_id;
}

/* The match counts from `bytes`, which lie at `offset` in the file. */
static void put_finding(buffer *b, const report *rep, const char *path, uint64_t line,
                        uint64_t column, const trm_match *m, const unsigned char *bytes,
                        uint64_t offset) {
  const unsigned char *id = (const unsigned char *)rep->names->names[m->rule_id];
  size_t id_length = rep->names->name_lengths[m->rule_id], len = (size_t)(m->end - m->start);
  const unsigned char *text = bytes != NULL ? bytes + m->start : (const unsigned char *)"";
  if (rep->opt->json) {
    put_text(b, "{");
    put_json(b, "path", (const unsigned char *)path, strlen(path));
    put_text(b, ",\"line\":");
    put_number(b, line);
    put_text(b, ",\"column\":");
    put_number(b, column);
    put_text(b, ",\"start\":");
    put_number(b, offset + m->start);
    put_text(b, ",\"end\":");
    put_number(b, offset + m->end);
    put_text(b, ",");
    put_json(b, "id", id, id_length);
    put_text(b, ",");
    put_json(b, "text", text, len);
    put_text(b, "}\n");
  } else {
    put_text(b, path);
    put_text(b, ":");
    put_number(b, line);
    put_text(b, ":");
    put_number(b, column);
    put_text(b, ": ");
    put_visible(b, id, id_length);
    put_text(b, ": ");
    put_visible(b, text, len);
    put_text(b, "\n");
  }
}

/* A file that is too large to be held, read from its beginning to its end once more. */
typedef struct passing {
  int fd;
  uint64_t at, line, line_start;
  unsigned char *window; /* WINDOW bytes */
} passing;

enum { WINDOW = 1 << 18 };

/* Counts lines up to an offset that lies ahead. What cannot be read any more has no lines. */
static void pass_to(passing *p, uint64_t offset) {
  while (p->at < offset) {
    size_t want = offset - p->at < WINDOW ? (size_t)(offset - p->at) : (size_t)WINDOW;
    ssize_t got = pread(p->fd, p->window, want, (off_t)p->at);
    if (got <= 0) break;
    const unsigned char *from = p->window, *end = p->window + got, *newline;
    while ((newline = (const unsigned char *)memchr(from, '\n', (size_t)(end - from))) != NULL) {
      from = newline + 1;
      p->line++;
      p->line_start = p->at + (uint64_t)(from - p->window);
    }
    p->at += (uint64_t)got;
  }
}

static void put_large_findings(buffer *b, const report *rep, const char *path, int fd,
                               const trm_match *matches, size_t count) {
  passing p = {fd, 0, 1, 0, (unsigned char *)must_realloc(NULL, WINDOW, 1)};
  for (size_t i = 0; i < count; i++) {
    size_t len = (size_t)(matches[i].end - matches[i].start);
    unsigned char *text = (unsigned char *)must_realloc(NULL, len + 1, 1);
    ssize_t got = pread(fd, text, len, (off_t)matches[i].start);
    trm_match shown = matches[i];
    pass_to(&p, matches[i].start);
    shown.start = 0, shown.end = got > 0 ? (uint64_t)got : 0;
    put_finding(b, rep, path, p.line, matches[i].start - p.line_start + 1, &shown, text,
                matches[i].start);
    free(text);
  }
  free(p.window);
}

/* Lines and columns count from 1, columns in bytes. One pass over the file, whatever the number of
 * findings. */
static void put_findings(buffer *b, const report *rep, const char *path, const unsigned char *bytes,
                         const trm_match *matches, size_t count) {
  uint64_t line = 1;
  size_t line_start = 0, at = 0;
  for (size_t i = 0; i < count; i++) {
    size_t start = (size_t)matches[i].start;
    while (at < start) {
      const unsigned char *newline = (const unsigned char *)memchr(bytes + at, '\n', start - at);
      if (newline == NULL) break;
      at = line_start = (size_t)(newline - bytes) + 1;
      line++;
    }
    at = start;
    put_finding(b, rep, path, line, start - line_start + 1, &matches[i], bytes, 0);
  }
}

static void put_count(buffer *b, const report *rep, const char *path, size_t count) {
  if (rep->opt->json) {
    put_text(b, "{");
    put_json(b, "path", (const unsigned char *)path, strlen(path));
    put_text(b, ",\"count\":");
    put_number(b, count);
    put_text(b, "}\n");
  } else {
    put_text(b, path);
    put_text(b, ":");
    put_number(b, count);
    put_text(b, "\n");
  }
}

/* The lock is held. */
static void clear_progress(report *rep) {
  if (rep->progress_shown) fputs("\r\033[K", stderr);
  rep->progress_shown = false;
}

/* The lock is held. */
static void count_in(report *rep, tally *mine) {
  rep->all.files += mine->files;
  rep->all.bytes += mine->bytes;
  rep->all.binaries += mine->binaries;
  rep->all.findings += mine->findings;
  rep->all.hidden += mine->hidden;
  rep->all.files_with_findings += mine->files_with_findings;
  memset(mine, 0, sizeof *mine);
}

void report_add(report *rep, tally *mine) {
  pthread_mutex_lock(&rep->lock);
  count_in(rep, mine);
  pthread_mutex_unlock(&rep->lock);
}

/* Writes what was put together, and counts the file. */
static void finish_file(report *rep, tally *mine, buffer *b, uint64_t len, size_t count,
                        size_t shown) {
  mine->files++;
  mine->bytes += len;
  mine->findings += count;
  mine->hidden += count - shown;
  mine->files_with_findings += count > 0;
  if (b->len > 0) {
    pthread_mutex_lock(&rep->lock);
    count_in(rep, mine);
    clear_progress(rep);
    fwrite(b->bytes, 1, b->len, stdout);
    if (rep->progress) fflush(stdout);
    pthread_mutex_unlock(&rep->lock);
  }
  free(b->bytes);
}

static size_t shown_of(const report *rep, size_t count) {
  return count < rep->opt->max_matches ? count : (size_t)rep->opt->max_matches;
}

void report_file(report *rep, tally *mine, const char *path, const unsigned char *bytes, size_t len,
                 trm_match *matches, size_t count) {
  buffer b;
  memset(&b, 0, sizeof b);
  size_t shown = shown_of(rep, count);
  if (shown > 0 && rep->opt->count) {
    put_count(&b, rep, path, shown);
  } else if (shown > 0) {
    qsort(matches, count, sizeof *matches, in_file_order);
    put_findings(&b, rep, path, bytes, matches, shown);
  }
  finish_file(rep, mine, &b, len, count, shown);
}

void report_large(report *rep, tally *mine, const char *path, int fd, uint64_t len,
                  trm_match *matches, size_t count) {
  buffer b;
  memset(&b, 0, sizeof b);
  size_t shown = shown_of(rep, count);
  if (shown > 0 && rep->opt->count) {
    put_count(&b, rep, path, shown);
  } else if (shown > 0) {
    qsort(matches, count, sizeof *matches, in_file_order);
    put_large_findings(&b, rep, path, fd, matches, shown);
  }
  finish_file(rep, mine, &b, len, count, shown);
}

void report_trouble(report *rep, const char *what, const char *why) {
  pthread_mutex_lock(&rep->lock);
  clear_progress(rep);
  fprintf(stderr, "%s: %s: %s\n", program_name, what, why);
  rep->troubles++;
  pthread_mutex_unlock(&rep->lock);
}

/* ---- progress and the closing line ---- */

static void *progress_main(void *report_pointer) {
  report *rep = (report *)report_pointer;
  pthread_mutex_lock(&rep->lock);
  while (!rep->leaving) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 200000000;
    if (until.tv_nsec >= 1000000000) {
      until.tv_sec++;
      until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&rep->wake, &rep->lock, &until);
    if (rep->leaving) break;
    double seconds = now() - rep->started;
    fprintf(stderr, "\r\033[K%" PRIu64 " files, %.1f MB (%.2f GB/s), %" PRIu64 " findings",
            rep->all.files, (double)rep->all.bytes * 1e-6,
            seconds > 0 ? (double)rep->all.bytes * 1e-9 / seconds : 0.0, rep->all.findings);
    rep->progress_shown = true;
  }
  clear_progress(rep);
  pthread_mutex_unlock(&rep->lock);
  return NULL;
}

void report_start(report *rep, const options *opt, const rule_names *names) {
  memset(rep, 0, sizeof *rep);
  rep->opt = opt;
  rep->names = names;
  pthread_mutex_init(&rep->lock, NULL);
  pthread_cond_init(&rep->wake, NULL);
  rep->started = now();
  rep->progress =
      isatty(STDERR_FILENO) && pthread_create(&rep->progress_thread, NULL, progress_main, rep) == 0;
}

void report_finish(report *rep, const char *drain) {
  if (rep->progress) {
    pthread_mutex_lock(&rep->lock);
    rep->leaving = true;
    pthread_cond_signal(&rep->wake);
    pthread_mutex_unlock(&rep->lock);
    pthread_join(rep->progress_thread, NULL);
  }
  double seconds = now() - rep->started;
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "%s: standard output: cannot be written\n", program_name);
    rep->troubles++;
  }
  fprintf(stderr, "%s: %" PRIu64 " findings in %" PRIu64 " of %" PRIu64 " files", program_name,
          rep->all.findings, rep->all.files_with_findings, rep->all.files);
  if (rep->all.hidden > 0) fprintf(stderr, " (%" PRIu64 " not shown)", rep->all.hidden);
  if (rep->all.binaries > 0) fprintf(stderr, ", %" PRIu64 " binaries skipped", rep->all.binaries);
  fprintf(stderr, ", %.1f MB in %.2f s (%.2f GB/s), drain %s%s\n", (double)rep->all.bytes * 1e-6,
          seconds, seconds > 0 ? (double)rep->all.bytes * 1e-9 / seconds : 0.0, drain,
          stop_requested ? ", stopped early" : "");
  pthread_cond_destroy(&rep->wake);
  pthread_mutex_destroy(&rep->lock);
}
