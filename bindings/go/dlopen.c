//go:build trommel_dlopen

/* Made from include/trommel.h by stubs.awk; do not edit. */
#include "dlopen.h"

#include <dlfcn.h>
#include <stddef.h>
#include <trommel.h>

static uint32_t (*trm_abi_version_)(void);
static const char *(*trm_version_string_)(void);
static const char *(*trm_status_string_)(trm_status status);
static trm_status (*trm_adapters_)(struct trm_adapter *out, size_t stride, size_t capacity, size_t *count);
static trm_status (*trm_options_init_)(struct trm_options *options, uint32_t struct_size);
static trm_status (*trm_engine_create_)(const struct trm_options *options, struct trm_engine **engine, struct trm_error *error);
static trm_status (*trm_engine_attach_)(struct trm_engine *engine, struct trm_engine **handle, struct trm_error *error);
static trm_status (*trm_engine_close_)(struct trm_engine *engine, int64_t timeout_ns);
static void (*trm_engine_destroy_)(struct trm_engine *engine);
static uint32_t (*trm_engine_ring_size_)(const struct trm_engine *engine);
static uint64_t (*trm_engine_in_flight_)(const struct trm_engine *engine);
static uint64_t (*trm_engine_head_)(const struct trm_engine *engine);
static uint64_t (*trm_engine_tail_)(const struct trm_engine *engine);
static trm_status (*trm_rules_compile_)(const struct trm_pattern *patterns, size_t stride, size_t count, const struct trm_compile_options *options, struct trm_rules **rules, struct trm_error *errors, size_t error_capacity, size_t *error_count);
static trm_status (*trm_rules_info_)(const struct trm_rules *rules, struct trm_rule_info *info, size_t stride, size_t capacity, size_t *count);
static void (*trm_rules_destroy_)(struct trm_rules *rules);
static trm_status (*trm_engine_load_rules_)(struct trm_engine *engine, uint32_t rule_set_id, const struct trm_rules *rules, struct trm_error *error);
static trm_status (*trm_engine_unload_rules_)(struct trm_engine *engine, uint32_t rule_set_id);
static trm_status (*trm_input_acquire_)(struct trm_engine *engine, uint32_t len, int64_t timeout_ns, struct trm_region *region);
static trm_status (*trm_input_copy_)(void *to, const void *from, size_t len);
static trm_status (*trm_input_release_)(struct trm_engine *engine, uint32_t input_offset);
static trm_status (*trm_buffer_register_)(struct trm_engine *engine, const void *bytes, size_t len, uint32_t *input_offset, struct trm_error *error);
static trm_status (*trm_buffer_unregister_)(struct trm_engine *engine, uint32_t input_offset, int64_t timeout_ns);
static trm_status (*trm_enqueue_)(struct trm_engine *engine, const struct trm_work_item *item, trm_ticket *ticket);
static trm_status (*trm_enqueue_batch_)(struct trm_engine *engine, const struct trm_work_item *items, size_t count, trm_ticket *first, size_t *accepted);
static trm_status (*trm_submit_)(struct trm_engine *engine, const void *bytes, uint32_t len, uint32_t rule_set_id, uint32_t correlation, trm_ticket *ticket);
static trm_status (*trm_submit_batch_)(struct trm_engine *engine, const struct trm_text *texts, size_t count, trm_ticket *first, size_t *accepted);
static trm_status (*trm_submit_segments_)(struct trm_engine *engine, const struct trm_segment *segments, size_t count, uint32_t rule_set_id, uint32_t correlation, trm_ticket *ticket);
static trm_status (*trm_is_done_)(const struct trm_engine *engine, trm_ticket ticket);
static trm_status (*trm_wait_)(struct trm_engine *engine, trm_ticket ticket, int64_t timeout_ns, struct trm_completion *completion, struct trm_match *matches, size_t match_capacity, size_t *match_count);
static trm_status (*trm_collect_)(struct trm_engine *engine, int64_t timeout_ns, struct trm_completion *completions, size_t capacity, size_t *count, struct trm_match *matches, size_t match_capacity, size_t *match_count);
static trm_status (*trm_event_fd_)(struct trm_engine *engine, int32_t *fd);
static trm_status (*trm_scan_)(struct trm_engine *engine, uint32_t rule_set_id, const void *bytes, size_t len, struct trm_match *matches, size_t match_capacity, size_t *match_count, struct trm_error *error);
static trm_status (*trm_rules_scan_)(const struct trm_rules *rules, const void *bytes, size_t len, struct trm_match *matches, size_t match_capacity, size_t *match_count, struct trm_error *error);
static trm_status (*trm_claim_)(struct trm_engine *engine, int64_t timeout_ns, struct trm_claimed *claimed);
static trm_status (*trm_mark_done_)(struct trm_engine *engine, trm_ticket ticket, trm_status status, const struct trm_match *matches, size_t match_count);
static trm_status (*trm_unfinished_)(const struct trm_engine *engine, trm_ticket *tickets, size_t capacity, size_t *count);
static trm_status (*trm_engine_stats_)(const struct trm_engine *engine, struct trm_engine_stats_t *out);
static trm_status (*trm_cancel_)(struct trm_engine *engine, trm_ticket ticket);
static trm_status (*trm_engine_set_deadline_)(struct trm_engine *engine, int64_t timeout_ns);
static trm_status (*trm_scan_file_)(struct trm_engine *engine, uint32_t rule_set_id, const char *path, const struct trm_file_options *options, trm_on_matches on_matches, void *user, uint64_t *scanned, struct trm_error *error);
static trm_status (*trm_rules_serialize_)(const struct trm_rules *rules, void *bytes, size_t capacity, size_t *needed);
static trm_status (*trm_rules_deserialize_)(const void *bytes, size_t len, struct trm_rules **rules, struct trm_error *error);
static trm_status (*trm_stream_open_)(struct trm_engine *engine, uint32_t rule_set_id, uint32_t correlation, const struct trm_stream_options *options, struct trm_stream **stream, struct trm_error *error);
static trm_status (*trm_stream_feed_)(struct trm_stream *stream, const void *bytes, size_t len, trm_ticket *ticket, struct trm_error *error);
static trm_status (*trm_stream_close_)(struct trm_stream *stream, trm_ticket *ticket);
static void (*trm_stream_destroy_)(struct trm_stream *stream);

static const struct {
  const char *name;
  void **pointer;
} calls[] = {
    {"trm_abi_version", (void **)&trm_abi_version_},
    {"trm_version_string", (void **)&trm_version_string_},
    {"trm_status_string", (void **)&trm_status_string_},
    {"trm_adapters", (void **)&trm_adapters_},
    {"trm_options_init", (void **)&trm_options_init_},
    {"trm_engine_create", (void **)&trm_engine_create_},
    {"trm_engine_attach", (void **)&trm_engine_attach_},
    {"trm_engine_close", (void **)&trm_engine_close_},
    {"trm_engine_destroy", (void **)&trm_engine_destroy_},
    {"trm_engine_ring_size", (void **)&trm_engine_ring_size_},
    {"trm_engine_in_flight", (void **)&trm_engine_in_flight_},
    {"trm_engine_head", (void **)&trm_engine_head_},
    {"trm_engine_tail", (void **)&trm_engine_tail_},
    {"trm_rules_compile", (void **)&trm_rules_compile_},
    {"trm_rules_info", (void **)&trm_rules_info_},
    {"trm_rules_destroy", (void **)&trm_rules_destroy_},
    {"trm_engine_load_rules", (void **)&trm_engine_load_rules_},
    {"trm_engine_unload_rules", (void **)&trm_engine_unload_rules_},
    {"trm_input_acquire", (void **)&trm_input_acquire_},
    {"trm_input_copy", (void **)&trm_input_copy_},
    {"trm_input_release", (void **)&trm_input_release_},
    {"trm_buffer_register", (void **)&trm_buffer_register_},
    {"trm_buffer_unregister", (void **)&trm_buffer_unregister_},
    {"trm_enqueue", (void **)&trm_enqueue_},
    {"trm_enqueue_batch", (void **)&trm_enqueue_batch_},
    {"trm_submit", (void **)&trm_submit_},
    {"trm_submit_batch", (void **)&trm_submit_batch_},
    {"trm_submit_segments", (void **)&trm_submit_segments_},
    {"trm_is_done", (void **)&trm_is_done_},
    {"trm_wait", (void **)&trm_wait_},
    {"trm_collect", (void **)&trm_collect_},
    {"trm_event_fd", (void **)&trm_event_fd_},
    {"trm_scan", (void **)&trm_scan_},
    {"trm_rules_scan", (void **)&trm_rules_scan_},
    {"trm_claim", (void **)&trm_claim_},
    {"trm_mark_done", (void **)&trm_mark_done_},
    {"trm_unfinished", (void **)&trm_unfinished_},
    {"trm_engine_stats", (void **)&trm_engine_stats_},
    {"trm_cancel", (void **)&trm_cancel_},
    {"trm_engine_set_deadline", (void **)&trm_engine_set_deadline_},
    {"trm_scan_file", (void **)&trm_scan_file_},
    {"trm_rules_serialize", (void **)&trm_rules_serialize_},
    {"trm_rules_deserialize", (void **)&trm_rules_deserialize_},
    {"trm_stream_open", (void **)&trm_stream_open_},
    {"trm_stream_feed", (void **)&trm_stream_feed_},
    {"trm_stream_close", (void **)&trm_stream_close_},
    {"trm_stream_destroy", (void **)&trm_stream_destroy_},
};
enum { CALLS = sizeof calls / sizeof calls[0] };

static void *library;

void trm_go_unload(void) {
  for (size_t i = 0; i < CALLS; i++) *calls[i].pointer = NULL;
  if (library) dlclose(library);
  library = NULL;
}

const char *trm_go_load(const char *path) {
  trm_go_unload();
  library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return dlerror();
  for (size_t i = 0; i < CALLS; i++) {
    *calls[i].pointer = dlsym(library, calls[i].name);
    if (!*calls[i].pointer) {
      const char *why = dlerror();
      trm_go_unload();
      return why ? why : "a call is missing in the library";
    }
  }
  return NULL;
}

uint32_t trm_abi_version(void) {
  if (!trm_abi_version_) return UINT32_MAX;
  return trm_abi_version_();
}

const char *trm_version_string(void) {
  if (!trm_version_string_) return "libtrommel is not loaded";
  return trm_version_string_();
}

const char *trm_status_string(trm_status status) {
  if (!trm_status_string_) return "libtrommel is not loaded";
  return trm_status_string_(status);
}

trm_status trm_adapters(struct trm_adapter *out, size_t stride, size_t capacity, size_t *count) {
  if (!trm_adapters_) return TRM_ERR_UNSUPPORTED;
  return trm_adapters_(out, stride, capacity, count);
}

trm_status trm_options_init(struct trm_options *options, uint32_t struct_size) {
  if (!trm_options_init_) return TRM_ERR_UNSUPPORTED;
  return trm_options_init_(options, struct_size);
}

trm_status trm_engine_create(const struct trm_options *options, struct trm_engine **engine, struct trm_error *error) {
  if (!trm_engine_create_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_create_(options, engine, error);
}

trm_status trm_engine_attach(struct trm_engine *engine, struct trm_engine **handle, struct trm_error *error) {
  if (!trm_engine_attach_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_attach_(engine, handle, error);
}

trm_status trm_engine_close(struct trm_engine *engine, int64_t timeout_ns) {
  if (!trm_engine_close_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_close_(engine, timeout_ns);
}

void trm_engine_destroy(struct trm_engine *engine) {
  if (!trm_engine_destroy_) return;
  trm_engine_destroy_(engine);
}

uint32_t trm_engine_ring_size(const struct trm_engine *engine) {
  if (!trm_engine_ring_size_) return 0;
  return trm_engine_ring_size_(engine);
}

uint64_t trm_engine_in_flight(const struct trm_engine *engine) {
  if (!trm_engine_in_flight_) return 0;
  return trm_engine_in_flight_(engine);
}

uint64_t trm_engine_head(const struct trm_engine *engine) {
  if (!trm_engine_head_) return 0;
  return trm_engine_head_(engine);
}

uint64_t trm_engine_tail(const struct trm_engine *engine) {
  if (!trm_engine_tail_) return 0;
  return trm_engine_tail_(engine);
}

trm_status trm_rules_compile(const struct trm_pattern *patterns, size_t stride, size_t count, const struct trm_compile_options *options, struct trm_rules **rules, struct trm_error *errors, size_t error_capacity, size_t *error_count) {
  if (!trm_rules_compile_) return TRM_ERR_UNSUPPORTED;
  return trm_rules_compile_(patterns, stride, count, options, rules, errors, error_capacity, error_count);
}

trm_status trm_rules_info(const struct trm_rules *rules, struct trm_rule_info *info, size_t stride, size_t capacity, size_t *count) {
  if (!trm_rules_info_) return TRM_ERR_UNSUPPORTED;
  return trm_rules_info_(rules, info, stride, capacity, count);
}

void trm_rules_destroy(struct trm_rules *rules) {
  if (!trm_rules_destroy_) return;
  trm_rules_destroy_(rules);
}

trm_status trm_engine_load_rules(struct trm_engine *engine, uint32_t rule_set_id, const struct trm_rules *rules, struct trm_error *error) {
  if (!trm_engine_load_rules_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_load_rules_(engine, rule_set_id, rules, error);
}

trm_status trm_engine_unload_rules(struct trm_engine *engine, uint32_t rule_set_id) {
  if (!trm_engine_unload_rules_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_unload_rules_(engine, rule_set_id);
}

trm_status trm_input_acquire(struct trm_engine *engine, uint32_t len, int64_t timeout_ns, struct trm_region *region) {
  if (!trm_input_acquire_) return TRM_ERR_UNSUPPORTED;
  return trm_input_acquire_(engine, len, timeout_ns, region);
}

trm_status trm_input_copy(void *to, const void *from, size_t len) {
  if (!trm_input_copy_) return TRM_ERR_UNSUPPORTED;
  return trm_input_copy_(to, from, len);
}

trm_status trm_input_release(struct trm_engine *engine, uint32_t input_offset) {
  if (!trm_input_release_) return TRM_ERR_UNSUPPORTED;
  return trm_input_release_(engine, input_offset);
}

trm_status trm_buffer_register(struct trm_engine *engine, const void *bytes, size_t len, uint32_t *input_offset, struct trm_error *error) {
  if (!trm_buffer_register_) return TRM_ERR_UNSUPPORTED;
  return trm_buffer_register_(engine, bytes, len, input_offset, error);
}

trm_status trm_buffer_unregister(struct trm_engine *engine, uint32_t input_offset, int64_t timeout_ns) {
  if (!trm_buffer_unregister_) return TRM_ERR_UNSUPPORTED;
  return trm_buffer_unregister_(engine, input_offset, timeout_ns);
}

trm_status trm_enqueue(struct trm_engine *engine, const struct trm_work_item *item, trm_ticket *ticket) {
  if (!trm_enqueue_) return TRM_ERR_UNSUPPORTED;
  return trm_enqueue_(engine, item, ticket);
}

trm_status trm_enqueue_batch(struct trm_engine *engine, const struct trm_work_item *items, size_t count, trm_ticket *first, size_t *accepted) {
  if (!trm_enqueue_batch_) return TRM_ERR_UNSUPPORTED;
  return trm_enqueue_batch_(engine, items, count, first, accepted);
}

trm_status trm_submit(struct trm_engine *engine, const void *bytes, uint32_t len, uint32_t rule_set_id, uint32_t correlation, trm_ticket *ticket) {
  if (!trm_submit_) return TRM_ERR_UNSUPPORTED;
  return trm_submit_(engine, bytes, len, rule_set_id, correlation, ticket);
}

trm_status trm_submit_batch(struct trm_engine *engine, const struct trm_text *texts, size_t count, trm_ticket *first, size_t *accepted) {
  if (!trm_submit_batch_) return TRM_ERR_UNSUPPORTED;
  return trm_submit_batch_(engine, texts, count, first, accepted);
}

trm_status trm_submit_segments(struct trm_engine *engine, const struct trm_segment *segments, size_t count, uint32_t rule_set_id, uint32_t correlation, trm_ticket *ticket) {
  if (!trm_submit_segments_) return TRM_ERR_UNSUPPORTED;
  return trm_submit_segments_(engine, segments, count, rule_set_id, correlation, ticket);
}

trm_status trm_is_done(const struct trm_engine *engine, trm_ticket ticket) {
  if (!trm_is_done_) return TRM_ERR_UNSUPPORTED;
  return trm_is_done_(engine, ticket);
}

trm_status trm_wait(struct trm_engine *engine, trm_ticket ticket, int64_t timeout_ns, struct trm_completion *completion, struct trm_match *matches, size_t match_capacity, size_t *match_count) {
  if (!trm_wait_) return TRM_ERR_UNSUPPORTED;
  return trm_wait_(engine, ticket, timeout_ns, completion, matches, match_capacity, match_count);
}

trm_status trm_collect(struct trm_engine *engine, int64_t timeout_ns, struct trm_completion *completions, size_t capacity, size_t *count, struct trm_match *matches, size_t match_capacity, size_t *match_count) {
  if (!trm_collect_) return TRM_ERR_UNSUPPORTED;
  return trm_collect_(engine, timeout_ns, completions, capacity, count, matches, match_capacity, match_count);
}

trm_status trm_event_fd(struct trm_engine *engine, int32_t *fd) {
  if (!trm_event_fd_) return TRM_ERR_UNSUPPORTED;
  return trm_event_fd_(engine, fd);
}

trm_status trm_scan(struct trm_engine *engine, uint32_t rule_set_id, const void *bytes, size_t len, struct trm_match *matches, size_t match_capacity, size_t *match_count, struct trm_error *error) {
  if (!trm_scan_) return TRM_ERR_UNSUPPORTED;
  return trm_scan_(engine, rule_set_id, bytes, len, matches, match_capacity, match_count, error);
}

trm_status trm_rules_scan(const struct trm_rules *rules, const void *bytes, size_t len, struct trm_match *matches, size_t match_capacity, size_t *match_count, struct trm_error *error) {
  if (!trm_rules_scan_) return TRM_ERR_UNSUPPORTED;
  return trm_rules_scan_(rules, bytes, len, matches, match_capacity, match_count, error);
}

trm_status trm_claim(struct trm_engine *engine, int64_t timeout_ns, struct trm_claimed *claimed) {
  if (!trm_claim_) return TRM_ERR_UNSUPPORTED;
  return trm_claim_(engine, timeout_ns, claimed);
}

trm_status trm_mark_done(struct trm_engine *engine, trm_ticket ticket, trm_status status, const struct trm_match *matches, size_t match_count) {
  if (!trm_mark_done_) return TRM_ERR_UNSUPPORTED;
  return trm_mark_done_(engine, ticket, status, matches, match_count);
}

trm_status trm_unfinished(const struct trm_engine *engine, trm_ticket *tickets, size_t capacity, size_t *count) {
  if (!trm_unfinished_) return TRM_ERR_UNSUPPORTED;
  return trm_unfinished_(engine, tickets, capacity, count);
}

trm_status trm_engine_stats(const struct trm_engine *engine, struct trm_engine_stats_t *out) {
  if (!trm_engine_stats_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_stats_(engine, out);
}

trm_status trm_cancel(struct trm_engine *engine, trm_ticket ticket) {
  if (!trm_cancel_) return TRM_ERR_UNSUPPORTED;
  return trm_cancel_(engine, ticket);
}

trm_status trm_engine_set_deadline(struct trm_engine *engine, int64_t timeout_ns) {
  if (!trm_engine_set_deadline_) return TRM_ERR_UNSUPPORTED;
  return trm_engine_set_deadline_(engine, timeout_ns);
}

trm_status trm_scan_file(struct trm_engine *engine, uint32_t rule_set_id, const char *path, const struct trm_file_options *options, trm_on_matches on_matches, void *user, uint64_t *scanned, struct trm_error *error) {
  if (!trm_scan_file_) return TRM_ERR_UNSUPPORTED;
  return trm_scan_file_(engine, rule_set_id, path, options, on_matches, user, scanned, error);
}

trm_status trm_rules_serialize(const struct trm_rules *rules, void *bytes, size_t capacity, size_t *needed) {
  if (!trm_rules_serialize_) return TRM_ERR_UNSUPPORTED;
  return trm_rules_serialize_(rules, bytes, capacity, needed);
}

trm_status trm_rules_deserialize(const void *bytes, size_t len, struct trm_rules **rules, struct trm_error *error) {
  if (!trm_rules_deserialize_) return TRM_ERR_UNSUPPORTED;
  return trm_rules_deserialize_(bytes, len, rules, error);
}

trm_status trm_stream_open(struct trm_engine *engine, uint32_t rule_set_id, uint32_t correlation, const struct trm_stream_options *options, struct trm_stream **stream, struct trm_error *error) {
  if (!trm_stream_open_) return TRM_ERR_UNSUPPORTED;
  return trm_stream_open_(engine, rule_set_id, correlation, options, stream, error);
}

trm_status trm_stream_feed(struct trm_stream *stream, const void *bytes, size_t len, trm_ticket *ticket, struct trm_error *error) {
  if (!trm_stream_feed_) return TRM_ERR_UNSUPPORTED;
  return trm_stream_feed_(stream, bytes, len, ticket, error);
}

trm_status trm_stream_close(struct trm_stream *stream, trm_ticket *ticket) {
  if (!trm_stream_close_) return TRM_ERR_UNSUPPORTED;
  return trm_stream_close_(stream, ticket);
}

void trm_stream_destroy(struct trm_stream *stream) {
  if (!trm_stream_destroy_) return;
  trm_stream_destroy_(stream);
}
