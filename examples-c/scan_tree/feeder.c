/* Files become items: read side by side into chunks of the engine's memory, many items a batch.
 * What lies side by side is moved to a GPU in one piece, and a chunk is acquired and released once.
 */
#include "scan_tree.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NO_CHUNK = CHUNKS };
static const size_t BATCH_BYTES = (size_t)512 << 10;
static const size_t LARGEST_CHUNK = (size_t)1 << 20;

void feeder_give_up(feeder *f, const char *what, trm_status status) {
  if (!stop_requested) report_trouble(f->rep, what, trm_status_string(status));
  stop_requested = 1;
}

void feeder_grow_matches(feeder *f, size_t needed) {
  while (f->match_capacity < needed) f->match_capacity *= 2;
  f->matches = (trm_match *)must_realloc(f->matches, f->match_capacity, sizeof *f->matches);
}

/* ---- chunks ---- */

/* What was read so far lies in the arena. Files are read into a buffer of ours that stays in the
 * processor's caches, and go from there around the caches where only a GPU reads them: a processor
 * writes lines that a copy engine has read at a third of the speed. */
static void move_over(feeder *f) {
  if (f->buffer == NULL || f->open == NO_CHUNK) return;
  const chunk *c = &f->chunks[f->open];
  if (c->region.len == f->chunk_size)
    trm_input_copy((unsigned char *)c->region.bytes + f->moved, f->buffer + f->moved,
                   c->used - f->moved);
  f->moved = c->used;
}

/* A chunk in which nothing is read any more goes back when its last file is done. */
static void release_if_done(feeder *f, uint32_t number) {
  chunk *c = &f->chunks[number];
  if (number == f->open || c->items > 0 || c->region.bytes == NULL) return;
  trm_status status = trm_input_release(f->handle, c->region.input_offset);
  if (status != TRM_OK) feeder_give_up(f, "releasing input", status);
  c->region.bytes = NULL;
}

static void close_chunk(feeder *f) {
  uint32_t number = f->open;
  move_over(f);
  f->open = NO_CHUNK;
  if (number != NO_CHUNK) release_if_done(f, number);
}

/* Somebody else has what we wait for. */
static void nap(void) {
  struct timespec ms = {0, 1000000};
  nanosleep(&ms, NULL);
}

static bool wait_for_room(feeder *f) {
  if (!feeder_flush(f)) return false;
  if (f->in_flight > 0) return feeder_collect(f, true);
  nap();
  return true;
}

static bool open_chunk(feeder *f, size_t len) {
  uint32_t number = 0;
  while (f->chunks[number].region.bytes != NULL) {
    if (++number < CHUNKS) continue;
    if (!wait_for_room(f)) return false;
    number = 0;
  }
  chunk *c = &f->chunks[number];
  for (;;) {
    trm_status status = trm_input_acquire(f->handle, (uint32_t)len, 0, &c->region);
    if (status == TRM_OK) break;
    c->region.bytes = NULL;
    if (status != TRM_ARENA_FULL && status != TRM_TIMEOUT) {
      feeder_give_up(f, "acquiring input", status);
      return false;
    }
    if (!wait_for_room(f)) return false;
  }
  c->used = f->moved = 0;
  c->items = 0;
  f->open = number;
  return true;
}

bool feeder_place(feeder *f, size_t len, unsigned char **to) {
  chunk *c = f->open == NO_CHUNK ? NULL : &f->chunks[f->open];
  if (c == NULL || c->region.len - c->used < len) {
    close_chunk(f);
    if (!open_chunk(f, len > f->chunk_size ? len : f->chunk_size)) return false;
    c = &f->chunks[f->open];
  }
  bool ours = f->buffer != NULL && c->region.len == f->chunk_size;
  *to = (ours ? f->buffer : (unsigned char *)c->region.bytes) + c->used;
  return true;
}

/* ---- items ---- */

bool feeder_submit(feeder *f, char *path, size_t len) {
  uint32_t number = f->free_slots[--f->free_count];
  slot *s = &f->slots[number];
  trm_work_item *item = &f->batch[f->batched++];
  memset(item, 0, sizeof *item);
  s->path = path;
  s->bytes = NULL;
  s->len = (uint32_t)len;
  s->chunk = NO_CHUNK;
  if (len > 0) {
    chunk *c = &f->chunks[f->open];
    s->bytes = (const unsigned char *)c->region.bytes + c->used;
    s->chunk = f->open;
    item->input_offset = c->region.input_offset + (uint32_t)c->used;
    item->input_len = (uint32_t)len;
    c->used += len;
    c->items++;
  }
  item->correlation = number;
  f->batched_bytes += len;
  if (f->batched == FILES_AT_ONCE || f->batched_bytes >= BATCH_BYTES)
    if (!feeder_flush(f)) return false;
  while (f->free_count == 0) { /* batched items hold slots too: then some are in flight */
    if (!feeder_flush(f)) return false;
    if (f->free_count == 0 && !feeder_collect(f, true)) return false;
  }
  return true;
}

bool feeder_flush(feeder *f) {
  size_t sent = 0;
  move_over(f);
  while (sent < f->batched) {
    trm_ticket first;
    size_t accepted = 0;
    trm_status status =
        trm_enqueue_batch(f->handle, f->batch + sent, f->batched - sent, &first, &accepted);
    if (status < 0) {
      feeder_give_up(f, "submitting", status);
      return false;
    }
    sent += accepted;
    f->in_flight += accepted;
    if (sent < f->batched) { /* the ring is full */
      if (f->in_flight == 0)
        nap();
      else if (!feeder_collect(f, true))
        return false;
    }
  }
  f->batched = f->batched_bytes = 0;
  return feeder_collect(f, false);
}

static void finish_item(feeder *f, const trm_completion *done) {
  slot *s = &f->slots[done->correlation];
  size_t count = (size_t)done->match_count;
  if (done->status < 0 || done->status == TRM_CANCELLED) {
    report_trouble(f->rep, s->path, trm_status_string(done->status));
  } else {
    if (done->status == TRM_TRUNCATED) {
      report_trouble(f->rep, s->path, "more findings than the engine delivers for one item");
      count = 0;
    }
    report_file(f->rep, &f->counted, s->path, s->bytes, s->len, f->matches + done->first_match,
                count);
  }
  if (s->chunk != NO_CHUNK) {
    f->chunks[s->chunk].items--;
    release_if_done(f, s->chunk);
  }
  free(s->path);
  s->path = NULL;
  f->free_slots[f->free_count++] = done->correlation;
  f->in_flight--;
}

bool feeder_collect(feeder *f, bool wait) {
  while (f->in_flight > 0) {
    size_t count = 0, match_count = 0;
    trm_status status = trm_collect(f->handle, wait ? -1 : 0, f->completions, SLOTS, &count,
                                    f->matches, f->match_capacity, &match_count);
    if (status == TRM_ERR_BUFFER) {
      feeder_grow_matches(f, match_count); /* nothing was taken: ask again */
      continue;
    }
    if (status == TRM_EMPTY || status == TRM_TIMEOUT) break;
    if (status < 0) {
      feeder_give_up(f, "collecting results", status);
      return false;
    }
    for (size_t i = 0; i < count; i++) finish_item(f, &f->completions[i]);
    report_add(f->rep, &f->counted);
    break;
  }
  return true;
}

bool feeder_drain(feeder *f) {
  bool fine = feeder_flush(f);
  while (fine && f->in_flight > 0) fine = feeder_collect(f, true);
  close_chunk(f); /* others may need the memory while we have nothing to do */
  return fine;
}

/* ---- coming and going ---- */

bool feeder_init(feeder *f, const options *opt, trm_engine *engine, report *rep) {
  memset(f, 0, sizeof *f);
  f->rep = rep;
  /* A file may take a quarter of the arena, so that the readers do not wait for each other's
   * memory. */
  f->limit = (size_t)(opt->arena_bytes / 4);
  f->chunk_size = (size_t)(opt->arena_bytes / opt->threads / 4);
  if (f->chunk_size > LARGEST_CHUNK) f->chunk_size = LARGEST_CHUNK;
  if (f->chunk_size == 0) f->chunk_size = 1;
  f->open = NO_CHUNK;
  trm_engine_stats_t stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  if (trm_engine_stats(engine, &stats) == TRM_OK && stats.drain == TRM_DRAIN_PERSISTENT)
    f->buffer = (unsigned char *)must_realloc(NULL, f->chunk_size, 1);
  f->match_capacity = 1024;
  f->matches = (trm_match *)must_realloc(NULL, f->match_capacity, sizeof *f->matches);
  for (uint32_t i = 0; i < SLOTS; i++) f->free_slots[f->free_count++] = SLOTS - 1 - i;
  trm_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  if (trm_engine_attach(engine, &f->handle, &error) == TRM_OK) return true;
  report_trouble(rep, "attaching to the engine", error.message);
  stop_requested = 1;
  return false;
}

void feeder_destroy(feeder *f) {
  trm_engine_destroy(f->handle);
  for (size_t i = 0; i < SLOTS; i++) free(f->slots[i].path);
  free(f->matches);
  free(f->buffer);
}
