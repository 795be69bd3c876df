/* trommel_hs.h: Hyperscan's interface over libtrommel (libtrommel_hs). Programs that include hs.h
 * relink as they are; this header is for those that have none. What each call and flag does here:
 * docs/hyperscan.md.
 *
 * Any number of threads may use one database at once, each with a scratch of its own. */
#ifndef TROMMEL_HS_H
#define TROMMEL_HS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hs_database hs_database_t;
typedef struct hs_scratch hs_scratch_t;
typedef struct hs_stream hs_stream_t;
typedef int hs_error_t;

/* ---- statuses ---- */
#define HS_SUCCESS 0
#define HS_INVALID (-1)
#define HS_NOMEM (-2)
#define HS_SCAN_TERMINATED (-3)
#define HS_COMPILER_ERROR (-4)
#define HS_DB_VERSION_ERROR (-5)
#define HS_DB_PLATFORM_ERROR (-6)
#define HS_DB_MODE_ERROR (-7)
#define HS_BAD_ALIGN (-8)
#define HS_BAD_ALLOC (-9)
#define HS_SCRATCH_IN_USE (-10)
#define HS_ARCH_ERROR (-11)
#define HS_INSUFFICIENT_SPACE (-12)
#define HS_UNKNOWN_ERROR (-13)

/* ---- flags of an expression ---- */
#define HS_FLAG_CASELESS 1
#define HS_FLAG_DOTALL 2
#define HS_FLAG_MULTILINE 4
#define HS_FLAG_SINGLEMATCH 8
#define HS_FLAG_ALLOWEMPTY 16
#define HS_FLAG_UTF8 32
#define HS_FLAG_UCP 64
#define HS_FLAG_PREFILTER 128
#define HS_FLAG_SOM_LEFTMOST 256
#define HS_FLAG_COMBINATION 512
#define HS_FLAG_QUIET 1024

/* ---- modes ---- */
#define HS_MODE_BLOCK 1
#define HS_MODE_NOSTREAM 1
#define HS_MODE_STREAM 2
#define HS_MODE_VECTORED 4
#define HS_MODE_SOM_HORIZON_LARGE (1U << 24)
#define HS_MODE_SOM_HORIZON_MEDIUM (1U << 25)
#define HS_MODE_SOM_HORIZON_SMALL (1U << 26)

/* ---- which fields of hs_expr_ext are set ---- */
#define HS_EXT_FLAG_MIN_OFFSET 1ULL
#define HS_EXT_FLAG_MAX_OFFSET 2ULL
#define HS_EXT_FLAG_MIN_LENGTH 4ULL
#define HS_EXT_FLAG_EDIT_DISTANCE 8ULL
#define HS_EXT_FLAG_HAMMING_DISTANCE 16ULL

#define HS_OFFSET_PAST_HORIZON (~0ULL)

typedef struct hs_compile_error {
  char *message;
  int expression; /* index; negative: none is to blame */
} hs_compile_error_t;

typedef struct hs_platform_info {
  unsigned int tune;
  unsigned long long cpu_features;
  unsigned long long reserved1;
  unsigned long long reserved2;
} hs_platform_info_t;

typedef struct hs_expr_info {
  unsigned int min_width;
  unsigned int max_width; /* UINT_MAX: no bound */
  char unordered_matches; /* always 0 here */
  char matches_at_eod;
  char matches_only_at_eod;
} hs_expr_info_t;

typedef struct hs_expr_ext {
  unsigned long long flags;
  unsigned long long min_offset;
  unsigned long long max_offset;
  unsigned long long min_length;
  unsigned edit_distance;
  unsigned hamming_distance;
} hs_expr_ext_t;

/* Anything but 0 ends the scan. */
typedef int (*match_event_handler)(unsigned int id, unsigned long long from, unsigned long long to,
                                   unsigned int flags, void *context);
typedef void *(*hs_alloc_t)(size_t size);
typedef void (*hs_free_t)(void *pointer);

/* ---- compiling ---- */
hs_error_t hs_compile(const char *expression, unsigned int flags, unsigned int mode,
                      const hs_platform_info_t *platform, hs_database_t **db,
                      hs_compile_error_t **error);
hs_error_t hs_compile_multi(const char *const *expressions, const unsigned int *flags,
                            const unsigned int *ids, unsigned int elements, unsigned int mode,
                            const hs_platform_info_t *platform, hs_database_t **db,
                            hs_compile_error_t **error);
hs_error_t hs_compile_ext_multi(const char *const *expressions, const unsigned int *flags,
                                const unsigned int *ids, const hs_expr_ext_t *const *ext,
                                unsigned int elements, unsigned int mode,
                                const hs_platform_info_t *platform, hs_database_t **db,
                                hs_compile_error_t **error);
hs_error_t hs_compile_lit(const char *expression, unsigned flags, const size_t len, unsigned mode,
                          const hs_platform_info_t *platform, hs_database_t **db,
                          hs_compile_error_t **error);
hs_error_t hs_compile_lit_multi(const char *const *expressions, const unsigned *flags,
                                const unsigned *ids, const size_t *lens, unsigned elements,
                                unsigned mode, const hs_platform_info_t *platform,
                                hs_database_t **db, hs_compile_error_t **error);
hs_error_t hs_free_compile_error(hs_compile_error_t *error);
hs_error_t hs_expression_info(const char *expression, unsigned int flags, hs_expr_info_t **info,
                              hs_compile_error_t **error);
hs_error_t hs_expression_ext_info(const char *expression, unsigned int flags,
                                  const hs_expr_ext_t *ext, hs_expr_info_t **info,
                                  hs_compile_error_t **error);
hs_error_t hs_populate_platform(hs_platform_info_t *platform);

/* ---- scanning ---- */
hs_error_t hs_alloc_scratch(const hs_database_t *db, hs_scratch_t **scratch);
hs_error_t hs_clone_scratch(const hs_scratch_t *from, hs_scratch_t **to);
hs_error_t hs_scratch_size(const hs_scratch_t *scratch, size_t *size);
hs_error_t hs_free_scratch(hs_scratch_t *scratch);
hs_error_t hs_scan(const hs_database_t *db, const char *data, unsigned int length,
                   unsigned int flags, hs_scratch_t *scratch, match_event_handler tell,
                   void *context);
hs_error_t hs_scan_vector(const hs_database_t *db, const char *const *data,
                          const unsigned int *length, unsigned int count, unsigned int flags,
                          hs_scratch_t *scratch, match_event_handler tell, void *context);

/* ---- databases ---- */
hs_error_t hs_free_database(hs_database_t *db);
hs_error_t hs_serialize_database(const hs_database_t *db, char **bytes, size_t *length);
hs_error_t hs_deserialize_database(const char *bytes, const size_t length, hs_database_t **db);
hs_error_t hs_deserialize_database_at(const char *bytes, const size_t length, hs_database_t *db);
hs_error_t hs_database_size(const hs_database_t *db, size_t *size);
hs_error_t hs_serialized_database_size(const char *bytes, const size_t length, size_t *size);
hs_error_t hs_database_info(const hs_database_t *db, char **info);
hs_error_t hs_serialized_database_info(const char *bytes, size_t length, char **info);

/* ---- the library ---- */
const char *hs_version(void);
hs_error_t hs_valid_platform(void);
hs_error_t hs_set_allocator(hs_alloc_t alloc_func, hs_free_t free_func);
hs_error_t hs_set_database_allocator(hs_alloc_t alloc_func, hs_free_t free_func);
hs_error_t hs_set_misc_allocator(hs_alloc_t alloc_func, hs_free_t free_func);
hs_error_t hs_set_scratch_allocator(hs_alloc_t alloc_func, hs_free_t free_func);
hs_error_t hs_set_stream_allocator(hs_alloc_t alloc_func, hs_free_t free_func);

/* ---- streams; those about compressed ones answer HS_INVALID ---- */
hs_error_t hs_stream_size(const hs_database_t *db, size_t *size);
hs_error_t hs_open_stream(const hs_database_t *db, unsigned int flags, hs_stream_t **stream);
hs_error_t hs_scan_stream(hs_stream_t *id, const char *data, unsigned int length,
                          unsigned int flags, hs_scratch_t *scratch, match_event_handler tell,
                          void *context);
hs_error_t hs_close_stream(hs_stream_t *id, hs_scratch_t *scratch, match_event_handler tell,
                           void *context);
hs_error_t hs_reset_stream(hs_stream_t *id, unsigned int flags, hs_scratch_t *scratch,
                           match_event_handler tell, void *context);
hs_error_t hs_copy_stream(hs_stream_t **to, const hs_stream_t *from);
hs_error_t hs_reset_and_copy_stream(hs_stream_t *to, const hs_stream_t *from, hs_scratch_t *scratch,
                                    match_event_handler tell, void *context);
hs_error_t hs_compress_stream(const hs_stream_t *stream, char *buffer, size_t space, size_t *used);
hs_error_t hs_expand_stream(const hs_database_t *db, hs_stream_t **stream, const char *buffer,
                            size_t size);
hs_error_t hs_reset_and_expand_stream(hs_stream_t *to, const char *buffer, size_t size,
                                      hs_scratch_t *scratch, match_event_handler tell,
                                      void *context);

#ifdef __cplusplus
}
#endif
#endif
