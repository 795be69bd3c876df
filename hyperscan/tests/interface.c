/* The interface from C: built as C99 and C++17, against trommel_hs.h and against Vectorscan's own
 * header, it must do the same. Prints "interface ok". */
#ifdef USE_HS_H
#include <hs/hs.h>
#else
#include "trommel_hs.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                                                \
  do {                                                                                             \
    if (!(what)) {                                                                                 \
      fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                           \
      return 1;                                                                                    \
    }                                                                                              \
  } while (0)

typedef struct scan_state {
  const hs_database_t *db;
  hs_scratch_t *scratch;
  int count, stop_at, inner;
  unsigned long long last;
} scan_state;

static int on_match(unsigned int id, unsigned long long from, unsigned long long to,
                    unsigned int flags, void *context) {
  scan_state *state = (scan_state *)context;
  (void)from;
  (void)flags;
  state->last = to;
  state->count += id == 7;
  /* A scratch serves one scan at a time. */
  state->inner = hs_scan(state->db, "x", 1, 0, state->scratch, NULL, NULL);
  return state->count == state->stop_at;
}

static int allocations;

static void *counting_malloc(size_t size) {
  allocations++;
  return malloc(size);
}

static int databases(void) {
  const char *expressions[] = {"foo", "b+$"};
  const unsigned flags[] = {HS_FLAG_CASELESS, HS_FLAG_SOM_LEFTMOST}, ids[] = {7, 8};
  hs_database_t *db = NULL, *again = NULL;
  hs_compile_error_t *error = NULL;
  hs_scratch_t *scratch = NULL, *clone = NULL;
  CHECK(hs_compile_multi(expressions, flags, ids, 2, HS_MODE_BLOCK, NULL, &db, &error) ==
        HS_SUCCESS);
  CHECK(hs_alloc_scratch(db, &scratch) == HS_SUCCESS &&
        hs_alloc_scratch(db, &scratch) == HS_SUCCESS);
  scan_state state = {db, scratch, 0, -1, 0, 0};
  CHECK(hs_scan(db, "foo FOO bb\n", 11, 0, scratch, on_match, &state) == HS_SUCCESS);
  CHECK(state.count == 2 && state.last == 10 && state.inner == HS_SCRATCH_IN_USE);
  state.count = 0;
  state.stop_at = 1;
  CHECK(hs_scan(db, "foo FOO", 7, 0, scratch, on_match, &state) == HS_SCAN_TERMINATED &&
        state.count == 1);
  CHECK(hs_scan(db, NULL, 0, 0, scratch, on_match, &state) == HS_INVALID);
  CHECK(hs_scan(db, "", 0, 0, NULL, on_match, &state) == HS_INVALID);
  CHECK(hs_clone_scratch(scratch, &clone) == HS_SUCCESS && hs_free_scratch(clone) == HS_SUCCESS);

  /* As bytes and back, with a counting allocator. */
  char *bytes = NULL, *info = NULL;
  size_t length = 0, size = 0;
  CHECK(hs_set_misc_allocator(counting_malloc, free) == HS_SUCCESS);
  CHECK(hs_serialize_database(db, &bytes, &length) == HS_SUCCESS && allocations == 1);
  CHECK(hs_database_info(db, &info) == HS_SUCCESS && strstr(info, "Mode: BLOCK") != NULL &&
        allocations == 2);
  free(info);
  CHECK(hs_serialized_database_info(bytes, length, &info) == HS_SUCCESS);
  free(info);
  CHECK(hs_set_misc_allocator(NULL, NULL) == HS_SUCCESS);
  CHECK(hs_database_size(db, &size) == HS_SUCCESS && size > 0);
  CHECK(hs_serialized_database_size(bytes, length, &size) == HS_SUCCESS && size > 0);
  CHECK(hs_deserialize_database(bytes, length, &again) == HS_SUCCESS);
  state.db = again;
  state.count = 0;
  state.stop_at = -1;
  CHECK(hs_scan(again, "foo FOO bb\n", 11, 0, scratch, on_match, &state) == HS_SUCCESS &&
        state.count == 2);
  CHECK(hs_deserialize_database(bytes, length / 2, &again) != HS_SUCCESS);
  bytes[length / 2] = (char)(bytes[length / 2] + 1);
  CHECK(hs_deserialize_database(bytes, length, &again) != HS_SUCCESS);
  free(bytes);
  CHECK(hs_free_scratch(scratch) == HS_SUCCESS && hs_free_database(db) == HS_SUCCESS);
  CHECK(hs_free_scratch(NULL) == HS_SUCCESS && hs_free_database(NULL) == HS_SUCCESS);
  return 0;
}

static int refusals(void) {
  const char *expressions[] = {"fine", "a(b"}, *empty[] = {"a*"};
  const unsigned flags[] = {0, 0};
  hs_database_t *db = NULL;
  hs_compile_error_t *error = NULL;
  CHECK(hs_compile_multi(expressions, flags, NULL, 2, HS_MODE_BLOCK, NULL, &db, &error) ==
        HS_COMPILER_ERROR);
  CHECK(db == NULL && error->expression == 1 && strstr(error->message, "index 1") != NULL);
  hs_free_compile_error(error);
  CHECK(hs_compile_multi(empty, flags, NULL, 1, HS_MODE_BLOCK, NULL, &db, &error) ==
        HS_COMPILER_ERROR);
  CHECK(error->expression == 0 && strstr(error->message, "HS_FLAG_ALLOWEMPTY") != NULL);
  hs_free_compile_error(error);
  CHECK(hs_compile("a", 1u << 30, HS_MODE_BLOCK, NULL, &db, &error) == HS_COMPILER_ERROR);
  hs_free_compile_error(error);
  CHECK(hs_compile("a", 0, HS_MODE_BLOCK | HS_MODE_VECTORED, NULL, &db, &error) ==
        HS_COMPILER_ERROR);
  CHECK(error->expression < 0);
  hs_free_compile_error(error);
  CHECK(hs_compile(NULL, 0, HS_MODE_BLOCK, NULL, &db, &error) == HS_COMPILER_ERROR);
  hs_free_compile_error(error);
  CHECK(hs_free_compile_error(NULL) == HS_SUCCESS);
  CHECK(hs_compile("a", 0, HS_MODE_VECTORED, NULL, &db, &error) == HS_SUCCESS);
  hs_scratch_t *scratch = NULL;
  CHECK(hs_alloc_scratch(db, &scratch) == HS_SUCCESS);
  CHECK(hs_scan(db, "a", 1, 0, scratch, NULL, NULL) == HS_DB_MODE_ERROR);
  hs_stream_t *stream = NULL;
  CHECK(hs_open_stream(db, 0, &stream) == HS_DB_MODE_ERROR);
  hs_free_scratch(scratch);
  hs_free_database(db);
  return 0;
}

/* In pieces: matches across them, at the end, copies, and a callback that wants no more. */
static int streams(void) {
  const char *expressions[] = {"fo+bar", "b+$", "[0-9]{3}"};
  const unsigned flags[] = {0, 0, HS_FLAG_SOM_LEFTMOST}, ids[] = {7, 8, 7};
  const unsigned mode = HS_MODE_STREAM | HS_MODE_SOM_HORIZON_LARGE;
  hs_database_t *db = NULL;
  hs_compile_error_t *error = NULL;
  hs_scratch_t *scratch = NULL;
  hs_stream_t *stream = NULL, *copy = NULL;
  CHECK(hs_compile_multi(expressions, flags, ids, 3, HS_MODE_STREAM, NULL, &db, &error) ==
        HS_COMPILER_ERROR);
  hs_free_compile_error(error);
  CHECK(hs_compile_multi(expressions, flags, ids, 3, mode, NULL, &db, &error) == HS_SUCCESS);
  CHECK(hs_alloc_scratch(db, &scratch) == HS_SUCCESS);
  size_t size = 0;
  CHECK(hs_stream_size(db, &size) == HS_SUCCESS && size > 0);
  CHECK(hs_scan(db, "a", 1, 0, scratch, NULL, NULL) == HS_DB_MODE_ERROR);
  CHECK(hs_open_stream(db, 0, &stream) == HS_SUCCESS);
  scan_state state = {db, scratch, 0, -1, 0, 0};
  CHECK(hs_scan_stream(stream, NULL, 0, 0, scratch, on_match, &state) == HS_INVALID);
  CHECK(hs_scan_stream(stream, "xxfoo", 5, 0, scratch, on_match, &state) == HS_SUCCESS);
  CHECK(hs_scan_stream(stream, "obar", 4, 0, scratch, on_match, &state) == HS_SUCCESS);
  CHECK(state.count == 1 && state.last == 9);
  CHECK(hs_copy_stream(&copy, stream) == HS_SUCCESS);
  CHECK(hs_scan_stream(stream, "bb", 2, 0, scratch, on_match, &state) == HS_SUCCESS);
  state.last = 0;
  CHECK(hs_close_stream(stream, scratch, on_match, &state) == HS_SUCCESS && state.last == 11);
  /* The copy is where the stream was. */
  CHECK(hs_scan_stream(copy, " 12", 3, 0, scratch, on_match, &state) == HS_SUCCESS);
  state.count = 0;
  CHECK(hs_scan_stream(copy, "3", 1, 0, scratch, on_match, &state) == HS_SUCCESS);
  CHECK(state.count == 1 && state.last == 13);
  /* From the beginning again. */
  CHECK(hs_reset_stream(copy, 0, scratch, on_match, &state) == HS_SUCCESS);
  state.count = 0;
  state.stop_at = 1;
  CHECK(hs_scan_stream(copy, "fobar foobar", 12, 0, scratch, on_match, &state) ==
        HS_SCAN_TERMINATED);
  CHECK(hs_scan_stream(copy, "fobar", 5, 0, scratch, on_match, &state) == HS_SCAN_TERMINATED);
  CHECK(state.count == 1 && state.last == 5);
  CHECK(hs_open_stream(db, 0, &stream) == HS_SUCCESS);
  CHECK(hs_reset_and_copy_stream(copy, stream, scratch, NULL, NULL) == HS_SUCCESS);
  CHECK(hs_scan_stream(copy, "fob", 3, 0, scratch, on_match, &state) == HS_SUCCESS);
  CHECK(hs_close_stream(copy, NULL, NULL, NULL) == HS_SUCCESS);
  CHECK(hs_close_stream(stream, NULL, NULL, NULL) == HS_SUCCESS);
  CHECK(hs_close_stream(NULL, scratch, on_match, &state) == HS_INVALID);
  CHECK(hs_free_scratch(scratch) == HS_SUCCESS && hs_free_database(db) == HS_SUCCESS);
  return 0;
}

int main(void) {
  if (hs_valid_platform() != HS_SUCCESS || hs_version() == NULL) return 1;
  if (databases() != 0 || refusals() != 0 || streams() != 0) return 1;
  puts("interface ok");
  return 0;
}
