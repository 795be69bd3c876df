/* A reading thread. Small files become items (feeder.c); a file too large for that is read by the
 * library, piece by piece. Either way a file is one text: a match is never cut. Nothing is mapped:
 * a file that shrinks meanwhile is reported, and the scan goes on. */
#include "scan_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t BINARY_WINDOW = (size_t)64 << 10;
/* Who reads a file of this size gives back what it would have read next. */
static const size_t LARGE = (size_t)1 << 20;

typedef struct reader {
  const reader_shared *shared;
  feeder feed;
  work now;
} reader;

static void scan_whole(feeder *f, const char *path, const unsigned char *bytes, size_t len) {
  for (;;) {
    size_t count = 0;
    trm_error error;
    memset(&error, 0, sizeof error);
    error.struct_size = sizeof error;
    trm_status status =
        trm_scan(f->handle, 0, bytes, len, f->matches, f->match_capacity, &count, &error);
    if (status == TRM_ERR_BUFFER) {
      feeder_grow_matches(f, count);
      continue;
    }
    if (status < 0)
      report_trouble(f->rep, path, error.message[0] ? error.message : trm_status_string(status));
    else
      report_file(f->rep, &f->counted, path, bytes, len, f->matches, count);
    return;
  }
}

/* ---- files ---- */

/* The matches of a large file, as they come. */
typedef struct gathered {
  trm_match *matches;
  size_t count, capacity;
} gathered;

static int32_t gather(void *user, const trm_match *matches, size_t count) {
  gathered *g = (gathered *)user;
  if (g->capacity - g->count < count) {
    g->capacity = (g->capacity + count) * 2;
    g->matches = (trm_match *)must_realloc(g->matches, g->capacity, sizeof *g->matches);
  }
  memcpy(g->matches + g->count, matches, count * sizeof *matches);
  g->count += count;
  return stop_requested;
}

static bool is_binary(reader *r, const void *bytes, size_t len) {
  if (r->shared->opt->text || len == 0) return false;
  return memchr(bytes, 0, len < BINARY_WINDOW ? len : BINARY_WINDOW) != NULL;
}

/* Reads a file of `size` bytes, and one more if there is one: it has grown then. Fewer only at its
 * end. False: an error, or told to stop. */
static bool read_file(int fd, unsigned char *to, size_t size, size_t *got) {
  *got = 0;
  for (;;) {
    ssize_t n = read(fd, to + *got, size + 1 - *got);
    if (n > 0) *got += (size_t)n;
    if (n == 0 || *got >= size) return true;
    if (n < 0 && errno == EAGAIN) {
      struct pollfd ready = {fd, POLLIN, 0};
      poll(&ready, 1, 100);
      if (stop_requested) return false;
    } else if (n < 0 && (errno != EINTR || stop_requested)) {
      return false;
    }
  }
}

/* A pipe or a terminal must not keep us from leaving: waits in short steps. */
static bool wait_readable(int fd) {
  struct pollfd ready = {fd, POLLIN, 0};
  while (!stop_requested)
    if (poll(&ready, 1, 100) > 0) return true;
  return false;
}

/* The rest of a file of unknown length, behind what `bytes` has already. */
static bool slurp(int fd, unsigned char **bytes, size_t *len) {
  size_t capacity = *len;
  for (;;) {
    if (*len == capacity) {
      capacity = capacity < 65536 ? 65536 : capacity * 2;
      *bytes = (unsigned char *)must_realloc(*bytes, capacity, 1);
    }
    if (!wait_readable(fd)) return false;
    ssize_t n = read(fd, *bytes + *len, capacity - *len);
    if (n == 0) return true;
    if (n > 0)
      *len += (size_t)n;
    else if (errno != EINTR && errno != EAGAIN)
      return false;
  }
}

/* Bytes on our heap: copied into the arena if they are small. Takes the path and the bytes. */
static bool scan_heap(reader *r, char *path, unsigned char *bytes, size_t len) {
  feeder *f = &r->feed;
  unsigned char *to;
  bool fine = true;
  if (is_binary(r, bytes, len)) {
    f->counted.binaries++;
    free(path);
  } else if (len > f->limit) {
    scan_whole(f, path, bytes, len);
    free(path);
  } else if (len > 0 && !feeder_place(f, len, &to)) {
    fine = false;
    free(path);
  } else {
    if (len > 0) memcpy(to, bytes, len);
    fine = feeder_submit(f, path, len);
  }
  free(bytes);
  return fine;
}

/* A plain file that is too large for the arena. Takes the path. */
static void scan_large(reader *r, char *path, int fd) {
  feeder *f = &r->feed;
  gathered found = {NULL, 0, 0};
  trm_error error;
  uint64_t scanned = 0;
  trm_file_options o = {sizeof o, 0, UINT64_MAX}; /* a rule may hold on to all of it */
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  unsigned char *head = (unsigned char *)must_realloc(NULL, BINARY_WINDOW, 1);
  ssize_t got = pread(fd, head, BINARY_WINDOW, 0);
  if (got > 0 && is_binary(r, head, (size_t)got)) {
    f->counted.binaries++;
  } else {
    trm_status status = trm_scan_file(f->handle, 0, path, &o, gather, &found, &scanned, &error);
    if (status < 0)
      report_trouble(f->rep, path, error.message[0] ? error.message : trm_status_string(status));
    /* What was found is right, though the rest of the file may be missing. */
    if (status >= 0 || found.count > 0)
      report_large(f->rep, &f->counted, path, fd, scanned, found.matches, found.count);
  }
  free(head);
  free(found.matches);
  free(path);
}

/* A plain file of `size` bytes that fits into the arena. Takes the path. */
static bool scan_small(reader *r, char *path, int fd, size_t size) {
  feeder *f = &r->feed;
  unsigned char *to;
  if (!feeder_place(f, size + 1, &to)) {
    free(path);
    return false;
  }
  size_t len = 0;
  unsigned char *bytes = NULL;
  bool fine = read_file(fd, to, size, &len);
  if (fine && len > size) { /* it grew while we read it: take all that is there now */
    bytes = (unsigned char *)must_realloc(NULL, len, 1);
    memcpy(bytes, to, len);
    fine = slurp(fd, &bytes, &len);
    if (fine) return scan_heap(r, path, bytes, len);
  } else if (fine && !is_binary(r, to, len)) {
    return feeder_submit(f, path, len); /* it may have shrunk meanwhile */
  } else if (fine) {
    f->counted.binaries++;
  }
  if (!fine && !stop_requested) report_trouble(f->rep, path, strerror(errno));
  free(bytes);
  free(path);
  return true;
}

/* False: the engine failed. Takes the path. */
static bool scan_path(reader *r, char *path) {
  feeder *f = &r->feed;
  bool standard_input = strcmp(path, "-") == 0;
  if (standard_input) {
    free(path);
    path = must_join(NULL, "(standard input)");
  }
  int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) {
    report_trouble(f->rep, path, strerror(errno));
    if (fd > STDIN_FILENO) close(fd);
    free(path);
    return true;
  }
  bool fine = true, plain = S_ISREG(info.st_mode);
  size_t size = plain && info.st_size > 0 ? (size_t)info.st_size : 0;
  /* Standard input that was read from before: what is left of it. */
  if (standard_input && plain && lseek(fd, 0, SEEK_CUR) != 0) size = 0;
  if (size >= LARGE || !plain) queue_give_back(r->shared->queue, &r->now);
  if (size > f->limit && !standard_input) {
    scan_large(r, path, fd);
  } else if (size > 0 && size <= f->limit) {
    fine = scan_small(r, path, fd, size);
  } else {
    unsigned char *bytes = NULL;
    size_t len = 0;
    if (slurp(fd, &bytes, &len)) {
      fine = scan_heap(r, path, bytes, len);
    } else {
      if (!stop_requested) report_trouble(f->rep, path, strerror(errno));
      free(bytes);
      free(path);
    }
  }
  if (!standard_input) close(fd);
  return fine;
}

/* ---- the thread ---- */

/* What one look at the queue gave. False: the engine failed. */
static bool work_off(reader *r) {
  work *now = &r->now;
  bool fine = true;
  if (now->directory != NULL) walk_directory(now->directory, r->shared->queue, r->shared->rep);
  while (now->count > 0) {
    char *path = now->files[--now->count];
    if (stop_requested || !fine)
      free(path);
    else
      fine = scan_path(r, path);
  }
  return fine;
}

void *reader_main(void *reader_shared_pointer) {
  const reader_shared *shared = (const reader_shared *)reader_shared_pointer;
  reader *r = (reader *)must_realloc(NULL, 1, sizeof *r);
  feeder *f = &r->feed;
  r->shared = shared;
  bool fine = feeder_init(f, shared->opt, shared->engine, shared->rep);
  for (;;) {
    bool idle = !fine || f->in_flight + f->batched == 0;
    took what = queue_take(shared->queue, &r->now, false);
    if (what == TOOK_NOTHING_NOW && idle) {
      if (fine) fine = feeder_drain(f);
      what = queue_take(shared->queue, &r->now, true);
    } else if (what == TOOK_NOTHING_NOW) {
      fine = feeder_flush(f) && feeder_collect(f, true); /* nothing to read: look for answers */
    }
    if (what == TOOK_NOTHING_ANY_MORE) break;
    if (what == TOOK_WORK && !work_off(r)) fine = false;
  }
  if (fine) feeder_drain(f);
  report_add(shared->rep, &f->counted);
  feeder_destroy(f);
  free(r);
  return NULL;
}
