/* A reading thread. Small files are read straight into the engine's arena, a file an item, many
 * items a batch; a file too large for that is read by the library, piece by piece. Either way a
 * file is one text: a match is never cut. Nothing is mapped: a file that shrinks meanwhile is
 * reported, and the scan goes on. */
#include "scan_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1024, BATCH = 64 };
static const size_t BINARY_WINDOW = (size_t)64 << 10;
static const size_t BATCH_BYTES = (size_t)1 << 20;

/* A file that the engine has not answered yet; its number is the item's correlation. */
typedef struct slot {
  char *path;
  trm_region region; /* bytes is NULL for an empty file */
} slot;

typedef struct reader {
  reader_shared *shared;
  trm_engine *handle;
  slot slots[SLOTS];
  uint32_t free_slots[SLOTS];
  uint32_t free_count;
  trm_work_item batch[BATCH];
  size_t batched, batched_bytes;
  size_t in_flight;
  trm_completion completions[SLOTS];
  trm_match *matches;
  size_t match_capacity;
} reader;

/* ---- the engine ---- */

/* The scan cannot go on: say why once, and let everybody leave. */
static void give_up(reader *r, const char *what, trm_status status) {
  if (!stop_requested) report_trouble(r->shared->rep, what, trm_status_string(status));
  stop_requested = 1;
}

static void grow_matches(reader *r, size_t needed) {
  while (r->match_capacity < needed) r->match_capacity *= 2;
  r->matches = (trm_match *)must_realloc(r->matches, r->match_capacity, sizeof *r->matches);
}

static void finish_item(reader *r, const trm_completion *done) {
  report *rep = r->shared->rep;
  slot *s = &r->slots[done->correlation];
  size_t count = (size_t)done->match_count;
  if (done->status < 0 || done->status == TRM_CANCELLED) {
    report_trouble(rep, s->path, trm_status_string(done->status));
  } else {
    if (done->status == TRM_TRUNCATED) {
      report_trouble(rep, s->path, "more findings than the engine delivers for one item");
      count = 0;
    }
    report_file(rep, s->path, (const unsigned char *)s->region.bytes, s->region.len,
                r->matches + done->first_match, count);
  }
  if (s->region.bytes != NULL) {
    trm_status status = trm_input_release(r->handle, s->region.input_offset);
    if (status != TRM_OK) give_up(r, "releasing input", status);
  }
  free(s->path);
  s->path = NULL;
  r->free_slots[r->free_count++] = done->correlation;
  r->in_flight--;
}

/* Takes what is finished; waits for something if asked to. False: the engine failed. */
static bool collect(reader *r, bool wait) {
  while (r->in_flight > 0) {
    size_t count = 0, match_count = 0;
    trm_status status = trm_collect(r->handle, wait ? -1 : 0, r->completions, SLOTS, &count,
                                    r->matches, r->match_capacity, &match_count);
    if (status == TRM_ERR_BUFFER) {
      grow_matches(r, match_count); /* nothing was taken: ask again */
      continue;
    }
    if (status == TRM_EMPTY || status == TRM_TIMEOUT) return true;
    if (status < 0) {
      give_up(r, "collecting results", status);
      return false;
    }
    for (size_t i = 0; i < count; i++) finish_item(r, &r->completions[i]);
    return true;
  }
  return true;
}

/* Somebody else has what we wait for. */
static void nap(void) {
  struct timespec ms = {0, 1000000};
  nanosleep(&ms, NULL);
}

static bool flush(reader *r) {
  size_t sent = 0;
  while (sent < r->batched) {
    trm_ticket first;
    size_t accepted = 0;
    trm_status status =
        trm_enqueue_batch(r->handle, r->batch + sent, r->batched - sent, &first, &accepted);
    if (status < 0) {
      give_up(r, "submitting", status);
      return false;
    }
    sent += accepted;
    r->in_flight += accepted;
    if (sent < r->batched) { /* the ring is full */
      if (r->in_flight == 0)
        nap();
      else if (!collect(r, true))
        return false;
    }
  }
  r->batched = r->batched_bytes = 0;
  return collect(r, false);
}

/* Everything that was submitted is answered and printed. */
static bool drain(reader *r) {
  if (!flush(r)) return false;
  while (r->in_flight > 0)
    if (!collect(r, true)) return false;
  return true;
}

static bool acquire(reader *r, size_t len, trm_region *region) {
  for (;;) {
    trm_status status = trm_input_acquire(r->handle, (uint32_t)len, 0, region);
    if (status == TRM_OK) return true;
    if (status != TRM_ARENA_FULL && status != TRM_TIMEOUT) {
      give_up(r, "acquiring input", status);
      return false;
    }
    if (!flush(r)) return false;
    if (r->in_flight == 0)
      nap();
    else if (!collect(r, true))
      return false;
  }
}

/* Takes the path. */
static bool submit(reader *r, char *path, const trm_region *region) {
  uint32_t number = r->free_slots[--r->free_count];
  r->slots[number].path = path;
  r->slots[number].region = *region;
  trm_work_item *item = &r->batch[r->batched++];
  item->input_offset = region->input_offset;
  item->input_len = region->len;
  item->rule_set_id = 0;
  item->correlation = number;
  r->batched_bytes += region->len;
  if (r->batched == BATCH || r->batched_bytes >= BATCH_BYTES)
    if (!flush(r)) return false;
  while (r->free_count ==
         0) { /* batched items hold slots too: a full table means that some are in flight */
    if (!flush(r)) return false;
    if (r->free_count == 0 && !collect(r, true)) return false;
  }
  return true;
}

static void scan_whole(reader *r, const char *path, const unsigned char *bytes, size_t len) {
  for (;;) {
    size_t count = 0;
    trm_error error;
    memset(&error, 0, sizeof error);
    error.struct_size = sizeof error;
    trm_status status =
        trm_scan(r->handle, 0, bytes, len, r->matches, r->match_capacity, &count, &error);
    if (status == TRM_ERR_BUFFER) {
      grow_matches(r, count);
      continue;
    }
    if (status < 0)
      report_trouble(r->shared->rep, path,
                     error.message[0] ? error.message : trm_status_string(status));
    else
      report_file(r->shared->rep, path, bytes, len, r->matches, count);
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

/* Reads up to len bytes; fewer only at the end of the file. False: an error, or told to stop. */
static bool read_fully(int fd, unsigned char *to, size_t len, size_t *got) {
  *got = 0;
  while (*got < len) {
    ssize_t n = read(fd, to + *got, len - *got);
    if (n == 0) return true;
    if (n > 0) {
      *got += (size_t)n;
    } else if (errno == EAGAIN) {
      struct pollfd ready = {fd, POLLIN, 0};
      poll(&ready, 1, 100);
      if (stop_requested) return false;
    } else if (errno != EINTR || stop_requested) {
      return false;
    }
  }
  return true;
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
static bool scan_heap(reader *r, char *path, unsigned char *bytes, size_t len, size_t limit) {
  bool fine = true, submitted = false;
  if (is_binary(r, bytes, len)) {
    report_binary(r->shared->rep);
  } else if (len > limit) {
    scan_whole(r, path, bytes, len);
  } else {
    trm_region region;
    memset(&region, 0, sizeof region);
    if (len > 0) fine = acquire(r, len, &region);
    if (fine) {
      if (len > 0) memcpy(region.bytes, bytes, len);
      fine = submit(r, path, &region);
      submitted = true;
    }
  }
  free(bytes);
  if (!submitted) free(path);
  return fine;
}

/* A plain file that is too large for the arena. Takes the path. */
static void scan_large(reader *r, char *path, int fd) {
  report *rep = r->shared->rep;
  gathered found = {NULL, 0, 0};
  trm_error error;
  uint64_t scanned = 0;
  trm_file_options o = {sizeof o, 0, UINT64_MAX}; /* a rule may hold on to all of it */
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  unsigned char *head = (unsigned char *)must_realloc(NULL, BINARY_WINDOW, 1);
  ssize_t got = pread(fd, head, BINARY_WINDOW, 0);
  if (got > 0 && is_binary(r, head, (size_t)got)) {
    report_binary(rep);
  } else {
    trm_status status = trm_scan_file(r->handle, 0, path, &o, gather, &found, &scanned, &error);
    if (status < 0)
      report_trouble(rep, path, error.message[0] ? error.message : trm_status_string(status));
    /* What was found is right, though the rest of the file may be missing. */
    if (status >= 0 || found.count > 0)
      report_large(rep, path, fd, scanned, found.matches, found.count);
  }
  free(head);
  free(found.matches);
  free(path);
}

/* A plain file of `size` bytes that fits into the arena. Takes the path. */
static bool scan_small(reader *r, char *path, int fd, size_t size, size_t limit) {
  trm_region region;
  if (!acquire(r, size, &region)) {
    free(path);
    return false;
  }
  size_t got = 0, more = 0;
  unsigned char extra;
  bool fine = read_fully(fd, (unsigned char *)region.bytes, size, &got);
  if (fine && got == size) fine = read_fully(fd, &extra, 1, &more);
  if (fine && more == 0 && got > 0 && !is_binary(r, region.bytes, got)) {
    region.len = (uint32_t)got; /* it may have shrunk meanwhile */
    return submit(r, path, &region);
  }
  bool binary = more == 0 && got > 0;
  unsigned char *bytes = NULL;
  size_t len = 0;
  if (fine && more > 0) { /* it grew while we read it: take all that is there now */
    len = size + 1;
    bytes = (unsigned char *)must_realloc(NULL, len, 1);
    memcpy(bytes, region.bytes, size);
    bytes[size] = extra;
    fine = slurp(fd, &bytes, &len);
  }
  if (!fine && !stop_requested) report_trouble(r->shared->rep, path, strerror(errno));
  trm_status status = trm_input_release(r->handle, region.input_offset);
  if (status != TRM_OK) give_up(r, "releasing input", status);
  if (fine && !binary) return scan_heap(r, path, bytes, len, limit);
  if (fine) report_binary(r->shared->rep);
  free(bytes);
  free(path);
  return true;
}

/* False: the engine failed. Takes the path. */
static bool scan_path(reader *r, char *path, size_t limit) {
  report *rep = r->shared->rep;
  bool standard_input = strcmp(path, "-") == 0;
  if (standard_input) {
    free(path);
    path = must_join(NULL, "(standard input)");
  }
  int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) {
    report_trouble(rep, path, strerror(errno));
    if (fd > STDIN_FILENO) close(fd);
    free(path);
    return true;
  }
  bool fine = true;
  off_t at = S_ISREG(info.st_mode) ? lseek(fd, 0, SEEK_CUR) : 0;
  size_t size = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 0;
  if (at != 0) size = 0; /* standard input that was read from before: what is left of it */
  if (size > limit && !standard_input) {
    scan_large(r, path, fd);
  } else if (size > 0 && size <= limit) {
    fine = scan_small(r, path, fd, size, limit);
  } else {
    unsigned char *bytes = NULL;
    size_t len = 0;
    if (slurp(fd, &bytes, &len)) {
      fine = scan_heap(r, path, bytes, len, limit);
    } else {
      if (!stop_requested) report_trouble(rep, path, strerror(errno));
      free(bytes);
      free(path);
    }
  }
  if (!standard_input) close(fd);
  return fine;
}

/* ---- the thread ---- */

void *reader_main(void *reader_shared_pointer) {
  reader_shared *shared = (reader_shared *)reader_shared_pointer;
  reader *r = (reader *)must_realloc(NULL, 1, sizeof *r);
  memset(r, 0, sizeof *r);
  r->shared = shared;
  r->match_capacity = 1024;
  r->matches = (trm_match *)must_realloc(NULL, r->match_capacity, sizeof *r->matches);
  for (uint32_t i = 0; i < SLOTS; i++) r->free_slots[r->free_count++] = SLOTS - 1 - i;

  /* A file may take a quarter of the arena, so that the readers do not wait for each other's
   * memory. */
  size_t limit = (size_t)(shared->opt->arena_bytes / 4);
  trm_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  bool fine = trm_engine_attach(shared->engine, &r->handle, &error) == TRM_OK;
  if (!fine) {
    report_trouble(shared->rep, "attaching to the engine", error.message);
    stop_requested = 1;
  }
  for (;;) {
    bool empty = false;
    bool idle = !fine || (r->in_flight == 0 && r->batched == 0);
    char *path = queue_pop(shared->queue, idle ? NULL : &empty);
    if (path == NULL && !empty) break;
    if (path == NULL)
      fine = flush(r) && collect(r, true); /* nothing to read now: look for answers */
    else if (stop_requested || !fine)
      free(path);
    else
      fine = scan_path(r, path, limit);
  }
  if (fine) drain(r);
  trm_engine_destroy(r->handle);
  for (size_t i = 0; i < SLOTS; i++) free(r->slots[i].path);
  free(r->matches);
  free(r);
  return NULL;
}
