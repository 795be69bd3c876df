/* trommel.h: scan many small pieces of bytes for many patterns at once.
 *
 * Made from src/capi by `make header`; do not edit. Plain C99 and C++11; every function is exported by the library, none is inline.
 */

#ifndef TROMMEL_H
#define TROMMEL_H

#include <stddef.h>
#include <stdint.h>

#ifndef TRM_API
#  if defined(_WIN32) && !defined(TRM_STATIC)
#    define TRM_API __declspec(dllimport)
#  elif defined(__GNUC__)
#    define TRM_API __attribute__((visibility("default")))
#  else
#    define TRM_API
#  endif
#endif

/**
 * The ABI's version. It changes only when a program built against an older header could break.
 */
#define TRM_ABI_VERSION 0

/**
 * `trm_adapter.drains`: an engine can run a resident kernel there.
 */
#define TRM_ADAPTER_PERSISTENT 1

/**
 * `trm_adapter.drains`: an engine can dispatch batches there.
 */
#define TRM_ADAPTER_BATCH 2

/**
 * `trm_adapter.kind`: something else.
 */
#define TRM_ADAPTER_OTHER 0

/**
 * `trm_adapter.kind`: a GPU of its own, with memory of its own.
 */
#define TRM_ADAPTER_DISCRETE 1

/**
 * `trm_adapter.kind`: a GPU that shares the host's memory.
 */
#define TRM_ADAPTER_INTEGRATED 2

/**
 * `trm_adapter.kind`: the driver runs on the CPU.
 */
#define TRM_ADAPTER_SOFTWARE 3

/**
 * `trm_adapter.kind`: a virtual machine's part of a GPU.
 */
#define TRM_ADAPTER_VIRTUAL 4

/**
 * `trm_options.flags`: round `ring_size` up to a power of two instead of refusing it.
 */
#define TRM_OPTION_ROUND_UP_RING 1

/**
 * `trm_options.flags`: the arena is ordinary host memory also where a resident kernel drains. What is enqueued is moved to
 * the GPU then, by the processor while it is little and by the GPU's copy engines while it is much, each time that it is
 * enqueued. For bytes that are scanned once and come faster than a few threads can store to a GPU. Without it the arena is
 * the GPU's own memory: written once over the bus, and best for one item at a time. Other drains take no notice.
 */
#define TRM_OPTION_STAGED_INPUT 2

/**
 * `trm_options.flags`: tickets may have gaps. A handle that enqueues or submits items one by one for a resident kernel has the
 * next few tickets set aside for itself, which makes that up to ten times as fast where several threads do so. Tickets still go
 * up within a handle and none is given out twice, but they are not in the order of all handles' calls, and one that is not
 * needed after all is left out: no call gives it out, and asked for it is as one never issued, or, when it is old, as one that
 * is done. Without it a ticket is the number of the item among all that the engine accepted, and only a handle that has the
 * engine to itself goes the faster way. Other drains take no notice.
 */
#define TRM_OPTION_SPARSE_TICKETS 4

/**
 * `level` of a log message: answers may be late; something should be done.
 */
#define TRM_LOG_ERROR 1

/**
 * `level` of a log message: something works otherwise than asked for.
 */
#define TRM_LOG_WARN 2

/**
 * `level` of a log message: what was chosen and why.
 */
#define TRM_LOG_INFO 3

/**
 * The pattern is plain bytes, not a regex. Any bytes, NUL included.
 */
#define TRM_PATTERN_LITERAL 1

/**
 * Letters match in either case: ASCII letters, and with TRM_PATTERN_UNICODE all.
 */
#define TRM_PATTERN_CASELESS 2

/**
 * `.` matches a line feed too.
 */
#define TRM_PATTERN_DOTALL 4

/**
 * `^` and `$` also match at line borders.
 */
#define TRM_PATTERN_MULTILINE 8

/**
 * Classes, `.`, `\b` and folding follow Unicode; off, they are ASCII and `.` is any byte but a line feed.
 */
#define TRM_PATTERN_UNICODE 16

/**
 * Only an item's first match is reported: LEFTMOST the leftmost, ALL_ENDS the one with the smallest end.
 */
#define TRM_PATTERN_SINGLE 32

/**
 * ALL_ENDS: `start` is the smallest start of a match with that end; without it `start == end`.
 */
#define TRM_PATTERN_START 64

/**
 * Per pattern, the non-overlapping leftmost-first matches, as Rust's `regex` crate finds them on bytes.
 */
#define TRM_SEMANTICS_LEFTMOST 0

/**
 * Per pattern, every offset at which some match ends.
 */
#define TRM_SEMANTICS_ALL_ENDS 1

/**
 * A literal: tables alone find it.
 */
#define TRM_TIER_LITERAL 0

/**
 * A required factor is found by tables, automata check around it.
 */
#define TRM_TIER_FACTOR 1

/**
 * A run of a byte class is found first.
 */
#define TRM_TIER_RUN 2

/**
 * Tables find candidates that are confirmed by the full regex engine.
 */
#define TRM_TIER_CONFIRM 3

/**
 * The full regex engine reads the whole item.
 */
#define TRM_TIER_HOST 4

/**
 * `trm_rule_info.max_len` and `.window`: no bound.
 */
#define TRM_UNBOUNDED UINT64_MAX

/**
 * `trm_engine_stats_t.drain`: worker threads of the engine.
 */
#define TRM_DRAIN_CPU 1

/**
 * `trm_engine_stats_t.drain`: the caller's own threads.
 */
#define TRM_DRAIN_CALLER 2

/**
 * `trm_engine_stats_t.drain`: one ordinary dispatch a batch.
 */
#define TRM_DRAIN_BATCH 3

/**
 * `trm_engine_stats_t.drain`: a resident kernel.
 */
#define TRM_DRAIN_PERSISTENT 4

/**
 * One drum, or an attached handle on it. Any number of threads may use one at once.
 */
typedef struct trm_engine trm_engine;

/**
 * Compiled rules: immutable, usable from any number of threads and engines at once.
 */
typedef struct trm_rules trm_rules;

/**
 * A text that comes in pieces.
 */
typedef struct trm_stream trm_stream;

/**
 * A call's answer: `TRM_OK`, an information above 0 or an error below 0.
 */
typedef int32_t trm_status;

/**
 * One GPU, as one backend sees it. Texts are NUL-terminated UTF-8.
 */
typedef struct trm_adapter {
  /**
   * Number to choose it by in `trm_options.adapter`.
   */
  uint32_t index;
  /**
   * `TRM_ADAPTER_DISCRETE` and its like.
   */
  uint32_t kind;
  /**
   * `TRM_ADAPTER_PERSISTENT | TRM_ADAPTER_BATCH`, or a part of them.
   */
  uint32_t drains;
  /**
   * Unused; 0.
   */
  uint32_t reserved;
  /**
   * Bytes of its own memory; 0 where the backend does not say.
   */
  uint64_t memory_bytes;
  /**
   * Of those, bytes that the host can write directly.
   */
  uint64_t host_mapped_bytes;
  /**
   * The GPU's name.
   */
  char name[128];
  /**
   * "vulkan", "metal", "dx12" or "gl".
   */
  char backend[16];
  /**
   * The driver and its version.
   */
  char driver[128];
  /**
   * Why a drain is missing in `drains`; empty where none is.
   */
  char why_not[256];
} trm_adapter;

/**
 * Whether a resident kernel is used (`TRM_MODE_*`).
 */
typedef uint32_t trm_mode;

/**
 * Who drains the ring (`TRM_PROCESSOR_*`).
 */
typedef uint32_t trm_processor;

/**
 * Which finished items hand out a completion (`TRM_DELIVER_*`).
 */
typedef uint32_t trm_delivery;

/**
 * How an engine is made. Call `trm_options_init` first, then change what you need.
 */
typedef struct trm_options {
  /**
   * `sizeof(trm_options)`; set by `trm_options_init`.
   */
  uint32_t struct_size;
  /**
   * `TRM_OPTION_*`, or 0.
   */
  uint32_t flags;
  /**
   * Work items that can be in flight, a power of two from 1 to 2^24 (default 8192).
   */
  uint32_t ring_size;
  /**
   * `TRM_MODE_*` (default AUTO).
   */
  trm_mode mode;
  /**
   * `TRM_PROCESSOR_*` (default ANY).
   */
  trm_processor processor;
  /**
   * `TRM_DELIVER_*` (default ALL).
   */
  trm_delivery delivery;
  /**
   * Bytes of the input arena, up to 4 GiB (default 64 MiB). Memory is taken when it is first written.
   */
  uint64_t arena_bytes;
  /**
   * A GPU by index or by part of its name, NUL-terminated UTF-8; NULL chooses (default). Read during create only.
   */
  const char *adapter;
  /**
   * Worker threads of the CPU drain; 0: one a core (default).
   */
  uint32_t cpu_threads;
  /**
   * Rule sets at one time, those unloaded but still in use included (default 64, at most 65536).
   */
  uint32_t max_rule_sets;
  /**
   * Matches delivered per item; more are counted and the item says TRM_TRUNCATED (default 2^20).
   */
  uint64_t max_matches_per_item;
  /**
   * Longest run of one launch of the resident kernel, in milliseconds (default 10).
   */
  uint32_t lease_ms;
  /**
   * Idle time after which the GPU is given up, in milliseconds (default 100).
   */
  uint32_t idle_ms;
  /**
   * Time without progress after which the GPU counts as lost, in milliseconds (default 5000).
   */
  uint32_t watchdog_ms;
  /**
   * Share of a GPU that the resident kernel takes while much comes in: workers of one subgroup each, of which an H100
   * can run 2,112 at once. 0: enough for what a PCIe link brings (default, 528), and 2,112 for 0.4 s after the GPU had
   * nothing to do for long, since it does not have its full clock then. At most 65535.
   */
  uint32_t gpu_workers;
  /**
   * Hears what the engine has to say, NUL-terminated UTF-8, from any thread, also during create and destroy.
   * It must not call back into this engine. NULL: silence (default).
   */
  void (*log)(void *user, int32_t level, const char *message);
  /**
   * Passed to `log`.
   */
  void *log_user;
} trm_options;

/**
 * Where a call that can fail for a reason worth a sentence puts it. Owned by the caller, who sets `struct_size`
 * to `sizeof(trm_error)` first; every call that takes one accepts NULL.
 */
typedef struct trm_error {
  /**
   * `sizeof(trm_error)`, set by the caller.
   */
  uint32_t struct_size;
  /**
   * The status that the call returned.
   */
  trm_status code;
  /**
   * Index of the pattern in the array, `UINT32_MAX` where it does not apply.
   */
  uint32_t pattern_index;
  /**
   * Id of the pattern, `UINT32_MAX` where it does not apply.
   */
  uint32_t pattern_id;
  /**
   * Where in the pattern, or in the serialised bytes.
   */
  uint64_t byte_offset;
  /**
   * What is wrong and what to do, NUL-terminated UTF-8.
   */
  char message[256];
} trm_error;

/**
 * One pattern: bytes and a length, never a C string.
 */
typedef struct trm_pattern {
  /**
   * The literal's bytes, or the regex as UTF-8 (other bytes as `\xNN`) in the syntax of Rust's `regex` crate.
   * NULL where `len` is 0. Read during compile only.
   */
  const void *bytes;
  /**
   * How many bytes.
   */
  size_t len;
  /**
   * The caller's number, reported with each match. Patterns that share one are reported as one set.
   */
  uint32_t id;
  /**
   * `TRM_PATTERN_*`, or 0.
   */
  uint32_t flags;
} trm_pattern;

/**
 * How rules are compiled. All fields 0 but `struct_size` are the defaults.
 */
typedef struct trm_compile_options {
  /**
   * `sizeof(trm_compile_options)`.
   */
  uint32_t struct_size;
  /**
   * `TRM_SEMANTICS_*`.
   */
  uint32_t semantics;
  /**
   * Unused; 0.
   */
  uint32_t flags;
  /**
   * Threads that compiling may use; 0 and 1: the calling one.
   */
  uint32_t threads;
  /**
   * Most bytes of the set, while it is compiled (beside about 4 MiB for each thread) and afterwards; 0: 2 GiB.
   */
  uint64_t max_memory;
  /**
   * Most bytes of one pattern; 0: 64 KiB.
   */
  uint64_t max_pattern_bytes;
  /**
   * Most bytes of one pattern's automaton; 0: 10 MiB.
   */
  uint64_t max_automaton_bytes;
} trm_compile_options;

/**
 * What became of one pattern. Texts are NUL-terminated.
 */
typedef struct trm_rule_info {
  /**
   * The caller's id.
   */
  uint32_t id;
  /**
   * The pattern's flags.
   */
  uint32_t flags;
  /**
   * `TRM_TIER_*`.
   */
  uint32_t tier;
  /**
   * Required factors: every match contains at least one. 0 where none are known or needed.
   */
  uint32_t factor_count;
  /**
   * The shortest match, in bytes.
   */
  uint64_t min_len;
  /**
   * The longest match, in bytes, or TRM_UNBOUNDED.
   */
  uint64_t max_len;
  /**
   * A match starts at most so many bytes before its factor, or TRM_UNBOUNDED.
   */
  uint64_t window;
  /**
   * Bytes of this rule's own tables.
   */
  uint64_t table_bytes;
  /**
   * Why that tier, UTF-8.
   */
  char why[192];
  /**
   * The first factor, bytes outside printable ASCII written as `\xNN`, cut where it is too long.
   */
  char factor[64];
  /**
   * Bytes that a stream keeps for this rule at most, or TRM_UNBOUNDED: as many as a match may be under way for.
   */
  uint64_t carry;
} trm_rule_info;

/**
 * A piece of the arena that the caller may write.
 */
typedef struct trm_region {
  /**
   * From the start of the engine's input space, in bytes: what work items name. A multiple of 64.
   */
  uint32_t input_offset;
  /**
   * Bytes that were asked for.
   */
  uint32_t len;
  /**
   * Where to write them. It belongs to the engine and stays until the region is released.
   */
  void *bytes;
} trm_region;

/**
 * One scan job, 16 bytes, the same on the host and on the device.
 */
typedef struct trm_work_item {
  /**
   * Where the bytes begin in the engine's input space, in bytes.
   */
  uint32_t input_offset;
  /**
   * How many bytes; 0 is allowed.
   */
  uint32_t input_len;
  /**
   * The id that the rule set was loaded under in this engine.
   */
  uint32_t rule_set_id;
  /**
   * The caller's own number, echoed in the completion.
   */
  uint32_t correlation;
} trm_work_item;

/**
 * The number of an accepted item of one engine: 1 for its first, 2 for its second, ...; 0 is never a ticket, and none is given
 * out twice. With TRM_OPTION_SPARSE_TICKETS some numbers may be left out.
 */
typedef uint64_t trm_ticket;

/**
 * A text of `trm_submit_batch`.
 */
typedef struct trm_text {
  /**
   * Where its bytes are; NULL where `len` is 0.
   */
  const void *bytes;
  /**
   * How many.
   */
  uint32_t len;
  /**
   * As in a work item.
   */
  uint32_t rule_set_id;
  /**
   * As in a work item.
   */
  uint32_t correlation;
  /**
   * 0.
   */
  uint32_t reserved;
} trm_text;

/**
 * A part of an item's bytes.
 */
typedef struct trm_segment {
  /**
   * Where they are; NULL where `len` is 0.
   */
  const void *bytes;
  /**
   * How many.
   */
  size_t len;
} trm_segment;

/**
 * What became of one item.
 */
typedef struct trm_completion {
  /**
   * The item's ticket.
   */
  trm_ticket ticket;
  /**
   * The caller's number from the work item.
   */
  uint32_t correlation;
  /**
   * The rule set id that the item was accepted with.
   */
  uint32_t rule_set_id;
  /**
   * `TRM_OK`, `TRM_TRUNCATED`, `TRM_CANCELLED`, or the error that this item met.
   */
  trm_status status;
  /**
   * Index of its first match in the match array of the same call.
   */
  uint32_t first_match;
  /**
   * The true number of matches; delivered are `min(match_count, max_matches_per_item)`.
   */
  uint64_t match_count;
} trm_completion;

/**
 * One match. Within an item they are sorted by (end, start, rule_id), without duplicates.
 */
typedef struct trm_match {
  /**
   * First byte, counted from the item's first byte.
   */
  uint64_t start;
  /**
   * One past the last byte.
   */
  uint64_t end;
  /**
   * The id that the pattern was compiled with.
   */
  uint32_t rule_id;
  /**
   * Index into the completion array of the same call; 0 where the call has none.
   */
  uint32_t item;
} trm_match;

/**
 * An item that a thread of the caller took.
 */
typedef struct trm_claimed {
  /**
   * Its ticket, to be marked done.
   */
  trm_ticket ticket;
  /**
   * The item as it was enqueued.
   */
  struct trm_work_item item;
  /**
   * Its `item.input_len` bytes. They stay until the item is marked done.
   */
  const void *bytes;
  /**
   * The rules that it was accepted with, for `trm_rules_info` and `trm_rules_scan`. Lent: they stay until the item
   * is marked done, and `trm_rules_destroy` leaves them alone.
   */
  const struct trm_rules *rules;
} trm_claimed;

/**
 * What an engine has counted. Set `struct_size` before the call; a library that knows less leaves the rest 0.
 */
typedef struct trm_engine_stats_t {
  /**
   * `sizeof(trm_engine_stats_t)`, set by the caller.
   */
  uint32_t struct_size;
  /**
   * `TRM_DRAIN_*`: who empties the ring now.
   */
  uint32_t drain;
  /**
   * Items accepted.
   */
  uint64_t accepted;
  /**
   * Items claimed by the drain.
   */
  uint64_t claimed;
  /**
   * Items finished.
   */
  uint64_t finished;
  /**
   * Items accepted and not yet collected or freed.
   */
  uint64_t in_flight;
  /**
   * Bytes of finished items.
   */
  uint64_t bytes;
  /**
   * Matches found, those beyond `max_matches_per_item` included.
   */
  uint64_t matches;
  /**
   * Items with more matches than `max_matches_per_item`.
   */
  uint64_t truncated;
  /**
   * Items that ended in an error.
   */
  uint64_t failed;
  /**
   * Of those, items that met a bug of the library.
   */
  uint64_t panics;
  /**
   * Caller drain: items claimed and not marked done.
   */
  uint64_t unfinished_claims;
  /**
   * Slots of the ring.
   */
  uint32_t ring_size;
  /**
   * Rule sets loaded.
   */
  uint32_t rule_sets;
  /**
   * Bytes of the arena.
   */
  uint64_t arena_bytes;
  /**
   * Of those, held in regions, rounded up to 64 a region.
   */
  uint64_t arena_used;
  /**
   * GPU drains: launches, of leases of the resident kernel or of batches.
   */
  uint64_t launches;
  /**
   * Of those, after the GPU had been given up for idleness.
   */
  uint64_t relaunches;
  /**
   * Rounds in which a worker of the resident kernel found nothing to do.
   */
  uint64_t polls;
  /**
   * Longest hand-over from one lease to the next, in nanoseconds.
   */
  uint64_t longest_gap_ns;
  /**
   * Times that the GPU was given up for dead and its items went to the CPU.
   */
  uint64_t failovers;
  /**
   * Items that the CPU scanned because the GPU could not say everything about them.
   */
  uint64_t host_items;
  /**
   * Why this drain does the work, NUL-terminated UTF-8.
   */
  char why[256];
  /**
   * Bytes of `host_items`.
   */
  uint64_t host_bytes;
  /**
   * Time that threads took to scan them, in nanoseconds.
   */
  uint64_t host_ns;
  /**
   * Staged input: bytes that the GPU's copy engines moved; the processor stored the others.
   */
  uint64_t pumped_bytes;
  /**
   * Staged input: bytes of the registered buffers whose items are moved from where they are; those of others are copied
   * first.
   */
  uint64_t imported_bytes;
} trm_engine_stats_t;

/**
 * How a file is scanned. All fields 0 but `struct_size` are the defaults.
 */
typedef struct trm_file_options {
  /**
   * `sizeof(trm_file_options)`.
   */
  uint32_t struct_size;
  /**
   * Unused; 0.
   */
  uint32_t flags;
  /**
   * Most bytes that are kept from one piece to the next; 0: 64 MiB. `trm_rule_info.carry` tells what rules need.
   */
  uint64_t max_carry_bytes;
} trm_file_options;

/**
 * Is given `count` matches, which stay until it returns; 0: go on, anything else ends the scan.
 */
typedef int32_t (*trm_on_matches)(void *user, const struct trm_match *matches, size_t count);

/**
 * How a stream is opened. All fields 0 but `struct_size` are the defaults.
 */
typedef struct trm_stream_options {
  /**
   * `sizeof(trm_stream_options)`.
   */
  uint32_t struct_size;
  /**
   * Unused; 0.
   */
  uint32_t flags;
  /**
   * Most bytes that are kept from one piece to the next; 0: 1 MiB. `trm_rule_info.carry` tells what rules need.
   */
  uint64_t max_carry_bytes;
} trm_stream_options;

/**
 * Done.
 */
#define TRM_OK 0

/**
 * The item was accepted and is not finished.
 */
#define TRM_PENDING 1

/**
 * The time was up first; nothing was taken.
 */
#define TRM_TIMEOUT 2

/**
 * There is nothing to claim or to collect now.
 */
#define TRM_EMPTY 3

/**
 * That ticket's completion was already taken, or was declared not wanted.
 */
#define TRM_TAKEN 4

/**
 * The ring is full: collect completions, or wait, and try again.
 */
#define TRM_QUEUE_FULL 5

/**
 * The arena has no room of that size now: release regions, or wait, and try again.
 */
#define TRM_ARENA_FULL 6

/**
 * A completion's status: more matches than the limit per item; `match_count` is the true count.
 */
#define TRM_TRUNCATED 7

/**
 * A completion's status: the item was cancelled.
 */
#define TRM_CANCELLED 8

/**
 * A pointer that must not be NULL is.
 */
#define TRM_ERR_NULL -1

/**
 * An argument's value is not allowed; `trm_error` says which.
 */
#define TRM_ERR_INVALID -2

/**
 * The handle is destroyed, or not one of ours.
 */
#define TRM_ERR_HANDLE -3

/**
 * `input_offset + input_len` lies outside the input space.
 */
#define TRM_ERR_RANGE -4

/**
 * No rule set is loaded under that id.
 */
#define TRM_ERR_NO_RULES -5

/**
 * That ticket was never issued, or belongs to another handle.
 */
#define TRM_ERR_TICKET -6

/**
 * An out-array is too small: nothing was consumed and the needed count is told.
 */
#define TRM_ERR_BUFFER -7

/**
 * A pattern cannot be compiled; the errors say which and why.
 */
#define TRM_ERR_PATTERN -8

/**
 * A limit of the options was exceeded; the error names it.
 */
#define TRM_ERR_LIMIT -9

/**
 * Serialised rules are damaged, foreign or from another version.
 */
#define TRM_ERR_FORMAT -10

/**
 * That is not possible here; the message says why.
 */
#define TRM_ERR_UNSUPPORTED -11

/**
 * The GPU or its driver failed.
 */
#define TRM_ERR_DEVICE -12

/**
 * Memory could not be had.
 */
#define TRM_ERR_MEMORY -13

/**
 * The engine was closed: it takes no new work.
 */
#define TRM_ERR_CLOSED -14

/**
 * The handle was inherited through `fork()`: make a new engine in the child.
 */
#define TRM_ERR_FORKED -15

/**
 * The library met a bug of its own; the engine can still be closed and destroyed.
 */
#define TRM_ERR_PANIC -16

/**
 * A file or descriptor could not be made, read or written.
 */
#define TRM_ERR_IO -17

/**
 * A resident kernel where the adapter supports it, else batches on a GPU, else the CPU.
 */
#define TRM_MODE_AUTO 0

/**
 * A resident kernel, or an error that says why not.
 */
#define TRM_MODE_FORCE 1

/**
 * Never a resident kernel.
 */
#define TRM_MODE_DISABLE 2

/**
 * The mode decides.
 */
#define TRM_PROCESSOR_ANY 0

/**
 * A GPU, or an error that says why not.
 */
#define TRM_PROCESSOR_GPU 1

/**
 * Worker threads of the engine.
 */
#define TRM_PROCESSOR_CPU 2

/**
 * The caller's own threads, through `trm_claim` and `trm_mark_done`.
 */
#define TRM_PROCESSOR_CALLER 3

/**
 * A completion for every item.
 */
#define TRM_DELIVER_ALL 0

/**
 * Only for items with a match or an error; the others free their slot when done.
 */
#define TRM_DELIVER_HITS 1

/**
 * None: `trm_is_done` and the counters only. Slots are freed when items are done.
 */
#define TRM_DELIVER_NONE 2

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The ABI version of the library that is loaded: compare it with `TRM_ABI_VERSION` of the header.
 *
 * Any thread, at any time.
 */
TRM_API uint32_t trm_abi_version(void);

/**
 * The library's version as text, such as "0.1.0". Static; never free it. Any thread, at any time.
 */
TRM_API const char *trm_version_string(void);

/**
 * A sentence for any status, known or not. Static; never free it. Any thread, at any time.
 */
TRM_API const char *trm_status_string(trm_status status);

/**
 * Lists the GPUs. No GPU, no driver or a broken driver is a list of 0.
 *
 * @param out       receives the first `capacity` of them; may be NULL where `capacity` is 0
 * @param stride    `sizeof(trm_adapter)` of the caller; a smaller one gets the first so many bytes of each
 * @param capacity  how many fit
 * @param count     receives how many there are
 * @return TRM_OK; TRM_ERR_BUFFER: there are more than `capacity`; TRM_ERR_NULL; TRM_ERR_INVALID: `stride` is below 16
 *
 * Any thread. It may take a second: drivers are loaded.
 */
TRM_API trm_status trm_adapters(struct trm_adapter *out_, size_t stride, size_t capacity, size_t *count);

/**
 * Fills in the defaults.
 *
 * @param options      to fill in
 * @param struct_size  `sizeof(trm_options)` of the caller
 * @return TRM_OK; TRM_ERR_NULL; TRM_ERR_INVALID when `struct_size` is smaller than this library's oldest
 *
 * Any thread.
 */
TRM_API trm_status trm_options_init(struct trm_options *options, uint32_t struct_size);

/**
 * Makes an engine and starts its drain.
 *
 * @param options  how; NULL: the defaults
 * @param engine   receives the handle, NULL on failure. Ends with `trm_engine_destroy`.
 * @param error    receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_NULL; TRM_ERR_INVALID (an option; the message says which and what to choose);
 *         TRM_ERR_UNSUPPORTED (a GPU was asked for and cannot be used: the message says why); TRM_ERR_DEVICE;
 *         TRM_ERR_MEMORY
 *
 * Any thread. Without a usable GPU, TRM_MODE_AUTO runs on the CPU; the log and `trm_engine_stats` say why.
 */
TRM_API
trm_status trm_engine_create(const struct trm_options *options,
                             struct trm_engine **engine,
                             struct trm_error *error);

/**
 * Makes another handle on the same drum: the same ring, arena, rules and drain, but what it enqueues is completed on
 * it, and its event is its own. One a thread scales, because handles share no completions. (Queue pairs, as NVMe,
 * DPDK and io_uring have them.)
 *
 * @param engine  any handle of the drum
 * @param handle  receives the new one. Ends with `trm_engine_destroy`; in any order with the others.
 * @param error   receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED; TRM_ERR_CLOSED
 *
 * Any thread.
 */
TRM_API trm_status trm_engine_attach(struct trm_engine *engine, struct trm_engine **handle, struct trm_error *error);

/**
 * Takes no new work and waits for what was accepted. Completions stay and can be collected afterwards.
 *
 * The handle that `trm_engine_create` gave closes the whole drum: no handle accepts anything any more, and the call
 * waits for the items of all of them. An attached handle closes only itself.
 *
 * @param engine      a handle
 * @param timeout_ns  0 only closes, below 0 waits for ever
 * @return TRM_OK: all accepted items are done; TRM_TIMEOUT: closed, but some are not done yet (with the caller drain,
 *         `trm_unfinished` tells the tickets that were claimed and never marked done); TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED. Closing again is allowed and waits again.
 *
 * Any thread; also while others enqueue: each of their items is either accepted and done, or refused with
 * TRM_ERR_CLOSED.
 */
TRM_API trm_status trm_engine_close(struct trm_engine *engine, int64_t timeout_ns);

/**
 * Ends a handle. Calls that other threads have inside it return TRM_ERR_HANDLE. Completions that were not collected
 * are dropped: close and collect first if you want them. The last handle of a drum ends the drum: items that no drain
 * has begun are dropped then.
 *
 * @param engine  a handle; NULL does nothing. So does a handle that is destroyed already (best effort: after some
 *                thousand later handles an old one's place is used again) or inherited through `fork()`.
 *
 * Any thread, but not from the log callback.
 */
TRM_API void trm_engine_destroy(struct trm_engine *engine);

/**
 * Slots of the ring; 0 for what is no handle. Any thread.
 */
TRM_API uint32_t trm_engine_ring_size(const struct trm_engine *engine);

/**
 * Items of the drum that are accepted and not yet collected (or freed, where completions are not wanted). Never more
 * than the ring has slots. 0 for what is no handle. Any thread.
 */
TRM_API uint64_t trm_engine_in_flight(const struct trm_engine *engine);

/**
 * Items that the drum accepted so far: the newest ticket, less those left out (TRM_OPTION_SPARSE_TICKETS). 0 for what
 * is no handle. Any thread.
 */
TRM_API uint64_t trm_engine_head(const struct trm_engine *engine);

/**
 * Items that the drum's drain claimed so far. 0 for what is no handle. Any thread.
 */
TRM_API uint64_t trm_engine_tail(const struct trm_engine *engine);

/**
 * Compiles patterns into rules.
 *
 * @param patterns        `count` patterns, each `stride` bytes after the one before
 * @param stride          `sizeof(trm_pattern)` of the caller
 * @param count           0 is allowed: rules that match nothing
 * @param options         NULL: the defaults
 * @param rules           receives the rules, NULL on failure. Ends with `trm_rules_destroy`.
 * @param errors          receives one entry a problem, all problems of the set, as many as fit, in pattern order; may
 *                        be NULL where `error_capacity` is 0. `errors[0].struct_size` must be set: it is the stride.
 * @param error_capacity  how many fit
 * @param error_count     receives how many there are; may be NULL
 * @return TRM_OK; TRM_ERR_PATTERN (some pattern is malformed: see `errors`); TRM_ERR_LIMIT (a limit of the options);
 *         TRM_ERR_MEMORY (`max_memory`); TRM_ERR_INVALID (an option, an unknown flag); TRM_ERR_NULL. The status is
 *         the first error's.
 *
 * Any thread. Nothing is kept of the caller's memory.
 */
TRM_API
trm_status trm_rules_compile(const struct trm_pattern *patterns,
                             size_t stride,
                             size_t count,
                             const struct trm_compile_options *options,
                             struct trm_rules **rules,
                             struct trm_error *errors,
                             size_t error_capacity,
                             size_t *error_count);

/**
 * Tells how each pattern will be executed, in the order they were compiled in.
 *
 * @param rules     compiled rules
 * @param info      receives the first `capacity` of them; may be NULL where `capacity` is 0
 * @param stride    `sizeof(trm_rule_info)` of the caller; a smaller one gets the first so many bytes of each
 * @param capacity  how many fit
 * @param count     receives how many there are
 * @return TRM_OK; TRM_ERR_BUFFER: more than `capacity`; TRM_ERR_INVALID: `stride` is below 48; TRM_ERR_NULL;
 *         TRM_ERR_HANDLE
 *
 * Any thread.
 */
TRM_API
trm_status trm_rules_info(const struct trm_rules *rules,
                          struct trm_rule_info *info,
                          size_t stride,
                          size_t capacity,
                          size_t *count);

/**
 * Ends the caller's hold on rules. Engines that loaded them keep what they need.
 *
 * @param rules  NULL does nothing; so do rules that are destroyed already (best effort) or lent by `trm_claim`
 *
 * Any thread.
 */
TRM_API void trm_rules_destroy(struct trm_rules *rules);

/**
 * Loads rules into a drum under an id, while it runs. Over an id that is in use it replaces: items accepted before
 * keep the old set, later ones get the new.
 *
 * @param engine       any handle of the drum
 * @param rule_set_id  the caller's choice
 * @param rules        may be destroyed afterwards
 * @param error        receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_LIMIT: `max_rule_sets` are loaded or still in use; TRM_ERR_CLOSED; TRM_ERR_NULL;
 *         TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread.
 */
TRM_API
trm_status trm_engine_load_rules(struct trm_engine *engine,
                                 uint32_t rule_set_id,
                                 const struct trm_rules *rules,
                                 struct trm_error *error);

/**
 * Takes a rule set away: later items that name it are refused, those in flight still get their answers.
 *
 * @param engine       any handle of the drum
 * @param rule_set_id  from `trm_engine_load_rules`
 * @return TRM_OK; TRM_ERR_NO_RULES; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread.
 */
TRM_API trm_status trm_engine_unload_rules(struct trm_engine *engine, uint32_t rule_set_id);

/**
 * Takes a region of the arena to write input into, without a copy by the library.
 *
 * Write the bytes, enqueue items that lie inside (several may share a region), and release the region after all of
 * them are done. Writing to an item's bytes while it is in flight makes its answer meaningless.
 *
 * @param engine      any handle of the drum; the arena is the drum's
 * @param len         bytes; 0 is allowed
 * @param timeout_ns  how long to wait for room: 0 does not wait, below 0 waits for ever
 * @param region      receives the region
 * @return TRM_OK; TRM_ARENA_FULL: no room of that size, or not in time; TRM_ERR_RANGE: larger than the whole arena;
 *         TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED; TRM_ERR_CLOSED
 *
 * Any thread.
 */
TRM_API
trm_status trm_input_acquire(struct trm_engine *engine,
                             uint32_t len,
                             int64_t timeout_ns,
                             struct trm_region *region);

/**
 * Copies bytes into a region as a GPU reads them fastest: around the processor's caches, with non-temporal stores. Worth it
 * for input that only a GPU drain looks at; where worker threads scan, `memcpy` is better. The bytes are there for
 * whichever thread enqueues them afterwards.
 *
 * @param to    where to write: in a region of `trm_input_acquire`, or anywhere else
 * @param from  what to copy; must not overlap
 * @param len   bytes; 0 is allowed
 * @return TRM_OK; TRM_ERR_NULL
 *
 * Any thread.
 */
TRM_API
trm_status trm_input_copy(void *to,
                          const void *from,
                          size_t len);

/**
 * Gives a region back. Its items must be done: an item in flight would scan whatever is written there next.
 *
 * @param engine        any handle of the drum
 * @param input_offset  the region's `input_offset`
 * @return TRM_OK; TRM_ERR_INVALID: no acquired region starts there (released twice?); TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread.
 */
TRM_API trm_status trm_input_release(struct trm_engine *engine, uint32_t input_offset);

/**
 * Makes the caller's own memory a part of the input space: items name bytes in it, and nothing is copied.
 *
 * For memory that is there anyway: mapped files, pools of packets. The CPU drain and the caller drain read it in place.
 * With TRM_OPTION_STAGED_INPUT the GPU's copy engines do, where the driver lets them: private and shared memory that can be
 * written it does mostly, files' pages not. `imported_bytes` in the stats says of how much, and the log why not of a
 * buffer. A GPU drain copies the other items out of it, as `trm_submit` does. Until it is unregistered it must stay
 * readable (a mapped file that is cut short is not), and the bytes of items in flight must not change.
 *
 * @param engine        any handle of the drum; the input space is the drum's
 * @param bytes         the buffer; lent until `trm_buffer_unregister` has answered TRM_OK, or the drum is destroyed
 * @param len           bytes, at least 1. An item may lie anywhere in it, but not reach over its end.
 * @param input_offset  receives where the buffer begins in the input space: byte `n` of it is `*input_offset + n` for
 *                      `trm_work_item.input_offset`. A multiple of 64.
 * @param error         receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_RANGE: the input space has 4 GiB for the arena and all buffers, and so much is not left in a
 *         row; TRM_ERR_INVALID: `len` is 0; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread. With registered buffers `trm_enqueue` and `trm_enqueue_batch` may also answer TRM_ARENA_FULL where a GPU
 * drains: there is no room for copies now.
 */
TRM_API
trm_status trm_buffer_register(struct trm_engine *engine,
                               const void *bytes,
                               size_t len,
                               uint32_t *input_offset,
                               struct trm_error *error);

/**
 * Takes a buffer out of the input space again: new items in it are refused at once, those in flight are waited for.
 *
 * @param engine        any handle of the drum
 * @param input_offset  what `trm_buffer_register` told
 * @param timeout_ns    how long to wait for items in flight: 0 does not wait, below 0 waits for ever
 * @return TRM_OK: nothing reads the buffer any more; TRM_TIMEOUT: items are still in flight, so the buffer has to stay:
 *         call again; TRM_ERR_INVALID: no buffer begins there (unregistered twice?); TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread. Also after a close. Results need not be collected for it.
 */
TRM_API trm_status trm_buffer_unregister(struct trm_engine *engine, uint32_t input_offset, int64_t timeout_ns);

/**
 * Accepts one item.
 *
 * @param engine  the handle that the item will be completed on
 * @param item    which bytes, which rule set, and the caller's number; copied
 * @param ticket  receives the item's ticket; may be NULL
 * @return TRM_OK; TRM_QUEUE_FULL: collect, or wait, and try again; TRM_ERR_RANGE: the bytes lie outside the input
 *         space; TRM_ERR_NO_RULES; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread. It never waits. The item keeps the rule set that is loaded under its id now, whatever is loaded later.
 */
TRM_API trm_status trm_enqueue(struct trm_engine *engine, const struct trm_work_item *item, trm_ticket *ticket);

/**
 * Accepts many items with one reservation: all of them, or the first ones that fit.
 *
 * @param engine    the handle that the items will be completed on
 * @param items     `count` items; copied. Different rule sets may be mixed.
 * @param count     0 is allowed and does nothing
 * @param first     receives the first ticket; may be NULL. The items got `*first .. *first + *accepted - 1`.
 * @param accepted  receives how many were accepted, 0 on any other status than TRM_OK
 * @return TRM_OK: at least one was accepted (or `count` is 0); TRM_QUEUE_FULL: none; TRM_ERR_RANGE, TRM_ERR_NO_RULES:
 *         some item is wrong and none was accepted; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_INVALID; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread. It never waits.
 */
TRM_API
trm_status trm_enqueue_batch(struct trm_engine *engine,
                             const struct trm_work_item *items,
                             size_t count,
                             trm_ticket *first,
                             size_t *accepted);

/**
 * Copies bytes into the arena and enqueues them as one item; the copy is freed by the engine when the item is done.
 *
 * @param engine       the handle that the item will be completed on
 * @param bytes        the input; may be reused as soon as the call returns; NULL where `len` is 0
 * @param len          bytes
 * @param rule_set_id  as in a work item
 * @param correlation  as in a work item
 * @param ticket       receives the item's ticket; may be NULL
 * @return as `trm_enqueue`, and TRM_ARENA_FULL: no room for the copy now; TRM_ERR_RANGE: larger than the whole arena
 *         (`trm_scan` takes any length)
 *
 * Any thread. It never waits.
 */
TRM_API
trm_status trm_submit(struct trm_engine *engine,
                      const void *bytes,
                      uint32_t len,
                      uint32_t rule_set_id,
                      uint32_t correlation,
                      trm_ticket *ticket);

/**
 * As `trm_submit` of many texts, with one reservation: all of them, or the first ones that fit. Where several threads
 * submit, this is many times as fast as one after the other, since a reservation is what they have to share.
 *
 * @param engine    the handle that the items will be completed on
 * @param texts     `count` texts; their bytes may be reused as soon as the call returns. Different rule sets may be mixed.
 * @param count     0 is allowed and does nothing. No more than 256 are accepted by one call.
 * @param first     receives the first ticket; may be NULL. The items got `*first .. *first + *accepted - 1`.
 * @param accepted  receives how many were accepted, 0 on any other status than TRM_OK
 * @return TRM_OK: at least one was accepted (or `count` is 0); TRM_QUEUE_FULL, TRM_ARENA_FULL: none; TRM_ERR_RANGE: some
 *         text is larger than the whole arena, TRM_ERR_NO_RULES: the rule set of some is not loaded, TRM_ERR_INVALID:
 *         `reserved` of some is not 0, and none was accepted; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread. It never waits.
 */
TRM_API
trm_status trm_submit_batch(struct trm_engine *engine,
                            const struct trm_text *texts,
                            size_t count,
                            trm_ticket *first,
                            size_t *accepted);

/**
 * As `trm_submit`, with bytes that lie in several places, as in `struct iovec`: one item, the joined bytes. They are copied
 * once, one behind the other, so their borders mean nothing to any rule.
 *
 * @param engine       the handle that the item will be completed on
 * @param segments     the parts, first one first; the bytes may be reused as soon as the call returns
 * @param count        how many parts; 0 is allowed: an item without bytes
 * @param rule_set_id  as in a work item
 * @param correlation  as in a work item
 * @param ticket       receives the item's ticket; may be NULL
 * @return as `trm_submit`, and TRM_ERR_INVALID: a length that is larger than memory can be
 *
 * Any thread. It never waits.
 */
TRM_API
trm_status trm_submit_segments(struct trm_engine *engine,
                               const struct trm_segment *segments,
                               size_t count,
                               uint32_t rule_set_id,
                               uint32_t correlation,
                               trm_ticket *ticket);

/**
 * Whether an item is done; takes nothing. Exact for ever: a ticket too old to be in the ring is done.
 *
 * @param engine  any handle of the drum
 * @param ticket  any ticket of the drum
 * @return TRM_OK: done, or done and taken; TRM_PENDING; TRM_ERR_TICKET: never issued; TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread. It never waits.
 */
TRM_API trm_status trm_is_done(const struct trm_engine *engine, trm_ticket ticket);

/**
 * Takes one ticket's completion and its matches, waiting for it if it must.
 *
 * @param engine          the handle that enqueued the item
 * @param ticket          its ticket
 * @param timeout_ns      0 polls, below 0 waits for ever
 * @param completion      receives the completion
 * @param matches         receives its matches; may be NULL where `match_capacity` is 0
 * @param match_capacity  how many fit
 * @param match_count     receives how many were written; with TRM_ERR_BUFFER, how many are needed
 * @return TRM_OK; TRM_PENDING (a poll) or TRM_TIMEOUT: not done yet; TRM_TAKEN: already taken, by this call or by
 *         `trm_collect`, or never wanted (TRM_DELIVER_*); TRM_ERR_BUFFER: the matches don't fit, nothing was taken;
 *         TRM_ERR_TICKET: never issued, or enqueued on another handle; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread; each completion is given out once. A waiting thread sleeps. Where more than a thousand items of the handle
 * are in flight on a CPU drain, one that may wait waits up to half a millisecond for company if few are done.
 */
TRM_API
trm_status trm_wait(struct trm_engine *engine,
                    trm_ticket ticket,
                    int64_t timeout_ns,
                    struct trm_completion *completion,
                    struct trm_match *matches,
                    size_t match_capacity,
                    size_t *match_count);

/**
 * Takes the completions of any finished items of this handle, as many as fit, whole items only.
 *
 * @param engine          the handle that enqueued them
 * @param timeout_ns      how long to wait for the first: 0 polls, below 0 waits for ever
 * @param completions     receives the completions, in any order
 * @param capacity        how many fit; at least 1
 * @param count           receives how many were written
 * @param matches         receives the matches of all of them, one item's after another's; `first_match` says where
 *                        an item's begin. May be NULL where `match_capacity` is 0.
 * @param match_capacity  how many fit
 * @param match_count     receives how many were written; with TRM_ERR_BUFFER, how many the next item needs
 * @return TRM_OK: at least one; TRM_EMPTY (a poll) or TRM_TIMEOUT: none finished; TRM_ERR_BUFFER: the next item's
 *         matches don't fit an empty array of that size, nothing was taken; TRM_ERR_CLOSED: closed, and nothing is
 *         left to collect on this handle; TRM_ERR_INVALID; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread; each completion is given out once. A waiting thread sleeps. Where more than a thousand items of the handle
 * are in flight on a CPU drain, one that may wait waits up to half a millisecond for company if few are done.
 */
TRM_API
trm_status trm_collect(struct trm_engine *engine,
                       int64_t timeout_ns,
                       struct trm_completion *completions,
                       size_t capacity,
                       size_t *count,
                       struct trm_match *matches,
                       size_t match_capacity,
                       size_t *match_count);

/**
 * A descriptor (Linux: an eventfd) that is readable while this handle has something to collect, for epoll, poll and
 * select. On Windows it is the handle of an event, for `WaitForSingleObject` and its kin.
 *
 * Collect until TRM_EMPTY, then wait for the descriptor again. It may now and then be readable without need (after
 * `trm_wait` took the only completion): the next `trm_collect` answers TRM_EMPTY and settles it. Don't read, write or
 * close it: the handle owns it and closes it when it is destroyed.
 *
 * @param engine  the handle
 * @param fd      receives the descriptor, the same one each time
 * @return TRM_OK; TRM_ERR_IO: none could be made; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread.
 */
TRM_API trm_status trm_event_fd(struct trm_engine *engine, int32_t *fd);

/**
 * Scans bytes of any length, on the calling thread, and gives all matches.
 *
 * @param engine          any handle
 * @param rule_set_id     the set that is loaded under it now is used
 * @param bytes           the input; NULL where `len` is 0
 * @param len             bytes; not limited by the arena or by 4 GiB
 * @param matches         receives them, sorted by (end, start, rule_id); may be NULL where `match_capacity` is 0
 * @param match_capacity  how many fit
 * @param match_count     receives how many there are
 * @param error           receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_BUFFER: more than fit, none is written, `*match_count` says how many;
 *         TRM_ERR_NO_RULES; TRM_ERR_NULL; TRM_ERR_INVALID; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any number of threads at once. Also on a closed engine, and whatever its drain. `max_matches_per_item` does not
 * apply.
 */
TRM_API
trm_status trm_scan(struct trm_engine *engine,
                    uint32_t rule_set_id,
                    const void *bytes,
                    size_t len,
                    struct trm_match *matches,
                    size_t match_capacity,
                    size_t *match_count,
                    struct trm_error *error);

/**
 * As `trm_scan`, with rules alone, where no engine is at hand.
 *
 * @param rules           compiled rules
 * @param bytes           the input; NULL where `len` is 0
 * @param len             bytes
 * @param matches         receives them, sorted by (end, start, rule_id); may be NULL where `match_capacity` is 0
 * @param match_capacity  how many fit
 * @param match_count     receives how many there are
 * @param error           receives the reason of a failure; may be NULL
 * @return as `trm_scan`
 *
 * Any number of threads at once. Working memory is made for each call: an engine keeps it.
 */
TRM_API
trm_status trm_rules_scan(const struct trm_rules *rules,
                          const void *bytes,
                          size_t len,
                          struct trm_match *matches,
                          size_t match_capacity,
                          size_t *match_count,
                          struct trm_error *error);

/**
 * Takes the oldest item that nobody has claimed (TRM_PROCESSOR_CALLER).
 *
 * @param engine      any handle of the drum
 * @param timeout_ns  0 polls, below 0 waits for ever
 * @param claimed     receives the item. It has to be marked done, by any thread.
 * @return TRM_OK; TRM_EMPTY (a poll) or TRM_TIMEOUT: nothing to claim; TRM_ERR_CLOSED: closed, and everything is
 *         claimed; TRM_ERR_UNSUPPORTED: another drain empties this ring; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any number of threads at once. A waiting thread sleeps.
 */
TRM_API trm_status trm_claim(struct trm_engine *engine, int64_t timeout_ns, struct trm_claimed *claimed);

/**
 * Finishes a claimed item: its completion goes to the handle that enqueued it.
 *
 * @param engine       any handle of the drum
 * @param ticket       from `trm_claim`
 * @param status       TRM_OK, TRM_TRUNCATED, TRM_CANCELLED or an error below 0
 * @param matches      what was found, in any order; copied, sorted, duplicates removed; `item` is ignored
 * @param match_count  how many
 * @return TRM_OK; TRM_TAKEN: already marked done; TRM_ERR_TICKET: never issued or never claimed; TRM_ERR_INVALID: a
 *         status that is none, or a match outside the item (nothing happened: mark it again); TRM_ERR_UNSUPPORTED;
 *         TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread, not only the one that claimed.
 */
TRM_API
trm_status trm_mark_done(struct trm_engine *engine,
                         trm_ticket ticket,
                         trm_status status,
                         const struct trm_match *matches,
                         size_t match_count);

/**
 * The tickets that were claimed and not marked done, oldest first: those of threads that died, after the others have
 * finished. Each can still be marked done by any thread.
 *
 * @param engine    any handle of the drum
 * @param tickets   receives them; may be NULL where `capacity` is 0
 * @param capacity  how many fit
 * @param count     receives how many there are
 * @return TRM_OK; TRM_ERR_BUFFER: more than fit, the first `capacity` are written; TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread, also after closing.
 */
TRM_API trm_status trm_unfinished(const struct trm_engine *engine, trm_ticket *tickets, size_t capacity, size_t *count);

/**
 * Reads the counters of a drum.
 *
 * @param engine  any handle of the drum
 * @param out     receives them; `struct_size` must be set
 * @return TRM_OK; TRM_ERR_NULL; TRM_ERR_INVALID: `struct_size` is smaller than this library's oldest; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread. Each counter is exact; together they are no snapshot of one moment.
 */
TRM_API trm_status trm_engine_stats(const struct trm_engine *engine, struct trm_engine_stats_t *out);

/**
 * Cancels an item. Its completion still comes, once, with the status TRM_CANCELLED and without matches, whether its scan
 * had begun, or even ended, or not; what has not begun is not scanned.
 *
 * @param engine  the handle that enqueued the item
 * @param ticket  its ticket
 * @return TRM_OK: its completion will say TRM_CANCELLED (so does cancelling it again); TRM_TAKEN: too late, its
 *         completion was taken, or was not wanted (TRM_DELIVER_*); TRM_ERR_TICKET: never issued, or enqueued on another
 *         handle; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread; also on a closed handle. It never waits: the item's bytes are in use until it is done. A scan that has begun
 * goes on to its end; a thread of a caller's drain that has claimed the item marks it done as always.
 */
TRM_API
trm_status trm_cancel(struct trm_engine *engine,
                      trm_ticket ticket);

/**
 * Gives the items that this handle accepts from now on a time in which they must be done: what is not done by then
 * completes as TRM_CANCELLED as soon as the drain comes to it, and is not scanned if it has not been.
 *
 * @param engine      a handle; others of the same drum have deadlines of their own
 * @param timeout_ns  counted from each item's acceptance; 0: late at once; below 0: no deadline (as at first)
 * @return TRM_OK; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
 *
 * Any thread. Nothing wakes up for a deadline: with the caller drain an item waits until somebody claims, and it is not
 * given out if it is late then.
 */
TRM_API trm_status trm_engine_set_deadline(struct trm_engine *engine, int64_t timeout_ns);

/**
 * Scans a file of any size on the calling thread, and gives all matches. It is read in pieces, never mapped; the matches
 * are those of the whole file, wherever the pieces meet. Memory stays bounded: a piece, what is kept, and the matches in
 * them.
 *
 * @param engine       any handle
 * @param rule_set_id  the set that is loaded under it now is used
 * @param path         the file's name; bytes on Unix, UTF-8 on Windows. A pipe or a device is read to its end.
 * @param options      NULL: the defaults
 * @param on_matches   is given the matches, some at a time, all of them together sorted by (end, start, rule_id), offsets
 *                     from the file's first byte, `item` 0; they are the library's and stay until it returns. 0: go on;
 *                     anything else ends the scan. It may call the library, but must not unwind.
 * @param user         passed to `on_matches`
 * @param scanned      receives how many bytes were scanned, also on failure; may be NULL
 * @param error        receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_CANCELLED: `on_matches` ended it; TRM_ERR_IO: the file could not be opened or read, or shrank while
 *         it was scanned (the message says which; what was given before is right as far as the file was read);
 *         TRM_ERR_LIMIT: a rule without a bound may still match from so far back that more than `max_carry_bytes` would
 *         have to be kept (the message names it); TRM_ERR_NO_RULES; TRM_ERR_INVALID; TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any number of threads at once. Also on a closed engine, and whatever its drain. `max_matches_per_item` does not apply.
 * A file that grows meanwhile is scanned up to the size that it had at first.
 */
TRM_API
trm_status trm_scan_file(struct trm_engine *engine,
                         uint32_t rule_set_id,
                         const char *path,
                         const struct trm_file_options *options,
                         trm_on_matches on_matches,
                         void *user,
                         uint64_t *scanned,
                         struct trm_error *error);

/**
 * Writes compiled rules as bytes that `trm_rules_deserialize` loads without compiling.
 *
 * @param rules     compiled rules
 * @param bytes     receives them; may be NULL where `capacity` is 0
 * @param capacity  how many fit
 * @param needed    receives how many there are
 * @return TRM_OK; TRM_ERR_BUFFER: more than `capacity`, nothing is written; TRM_ERR_NULL; TRM_ERR_HANDLE
 *
 * Any thread. The bytes are tied to this library's version, to little-endian machines and, where patterns use
 * Unicode, to its Unicode tables; loading them elsewhere is refused, never wrong.
 */
TRM_API trm_status trm_rules_serialize(const struct trm_rules *rules, void *bytes, size_t capacity, size_t *needed);

/**
 * Loads rules that `trm_rules_serialize` wrote.
 *
 * @param bytes  any alignment; nothing of them is kept
 * @param len    how many
 * @param rules  receives the rules, NULL on failure. Ends with `trm_rules_destroy`.
 * @param error  receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_FORMAT: damaged, cut short, foreign or from another version, the message says which;
 *         TRM_ERR_NULL; TRM_ERR_MEMORY
 *
 * Any thread. Everything is checked before anything is used.
 */
TRM_API
trm_status trm_rules_deserialize(const void *bytes,
                                 size_t len,
                                 struct trm_rules **rules,
                                 struct trm_error *error);

/**
 * Begins a text that comes in pieces. The matches of all pieces together are exactly those of the joined bytes, wherever
 * they are cut; offsets count from the first byte of the stream.
 *
 * @param engine       the handle that the pieces will be completed on
 * @param rule_set_id  the set that is loaded under it now stays the stream's, whatever is loaded later
 * @param correlation  in the completion of each piece
 * @param options      NULL: the defaults
 * @param stream       receives the stream, NULL on failure. Ends with `trm_stream_close` or `trm_stream_destroy`.
 * @param error        receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_ERR_NO_RULES; TRM_ERR_INVALID (an option); TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE;
 *         TRM_ERR_FORKED
 *
 * Any thread. The first stream over a rule set works out what has to be kept for it, once: with many expressions that may
 * take as long as compiling a part of them.
 */
TRM_API
trm_status trm_stream_open(struct trm_engine *engine,
                           uint32_t rule_set_id,
                           uint32_t correlation,
                           const struct trm_stream_options *options,
                           struct trm_stream **stream,
                           struct trm_error *error);

/**
 * Goes on with a stream: copies the bytes and enqueues them, with what was kept of the piece before, as one item.
 *
 * Its completion brings the matches that are settled with this piece: those that no later byte can change. A literal comes
 * with its last byte; an expression's match under TRM_SEMANTICS_LEFTMOST may come with a later piece, when it is clear that
 * it ends there. The matches of one completion are sorted; a later completion may bring some that end earlier. A match that
 * began in an earlier piece has a `start` there.
 *
 * @param stream  from `trm_stream_open`
 * @param bytes   the next bytes; may be reused as soon as the call returns; NULL where `len` is 0
 * @param len     how many; 0 is allowed
 * @param ticket  receives the piece's ticket; may be NULL
 * @param error   receives the reason of a failure; may be NULL
 * @return TRM_OK; TRM_QUEUE_FULL, TRM_ARENA_FULL: collect, or wait, and try again; TRM_ERR_LIMIT: a rule without a bound
 *         may still match from so far back that more than `max_carry_bytes` would have to be kept (the message names it);
 *         TRM_ERR_RANGE: with what is kept more than the arena (feed less at a time); TRM_CANCELLED: a piece was cancelled
 *         or late, and the stream with it; TRM_ERR_PANIC: a piece failed; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_INVALID;
 *         TRM_ERR_HANDLE: closed or destroyed, or the engine's handle is; TRM_ERR_FORKED. On anything but TRM_OK nothing
 *         happened.
 *
 * Any thread; pieces of one stream go in the order of the calls. It never waits for a scan: several pieces of a stream
 * may be in flight, and are scanned at the same time.
 */
TRM_API
trm_status trm_stream_feed(struct trm_stream *stream,
                           const void *bytes,
                           size_t len,
                           trm_ticket *ticket,
                           struct trm_error *error);

/**
 * Ends a stream's text and the stream: a last item brings all matches that were not settled, those at the very end
 * among them.
 *
 * @param stream  from `trm_stream_open`; gone after TRM_OK, still there after anything else
 * @param ticket  receives the last item's ticket; may be NULL
 * @return TRM_OK; as `trm_stream_feed`, but for TRM_ERR_LIMIT and TRM_ERR_INVALID
 *
 * Any thread.
 */
TRM_API trm_status trm_stream_close(struct trm_stream *stream, trm_ticket *ticket);

/**
 * Ends a stream without ending its text: what was fed is still completed, what was not settled is dropped.
 *
 * @param stream  NULL does nothing; so does a stream that is closed or destroyed already (best effort)
 *
 * Any thread. Streams may outlive the engine's handle; they are of no use then.
 */
TRM_API void trm_stream_destroy(struct trm_stream *stream);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TROMMEL_H */
