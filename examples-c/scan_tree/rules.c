/* The rule file: id:/pattern/flags, a rule a line. What stands between the first slash and the last
 * is the pattern, so slashes in it need no escape. Rules with the same id are reported as one. */
#include "scan_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct rule_list {
  const char *file;
  trm_pattern *patterns;
  size_t *lines; /* where each pattern stands */
  size_t count, capacity, errors;
} rule_list;

enum { ERRORS_SHOWN = 20 };

static void bad_line(rule_list *list, size_t line, const char *why) {
  if (list->errors++ < ERRORS_SHOWN)
    fprintf(stderr, "%s: %s:%zu: %s\n", program_name, list->file, line, why);
}

/* The whole file, with a NUL behind it. */
static char *read_file(const char *path, size_t *len) {
  FILE *file = fopen(path, "rb");
  char *bytes = NULL;
  size_t capacity = 0;
  *len = 0;
  if (file == NULL) return NULL;
  do {
    if (capacity - *len < 65536) {
      capacity = (capacity + 65536) * 2;
      bytes = (char *)must_realloc(bytes, capacity, 1);
    }
    *len += fread(bytes + *len, 1, capacity - *len - 1, file);
  } while (!feof(file) && !ferror(file));
  bytes[*len] = '\0';
  bool failed = ferror(file) != 0;
  fclose(file);
  if (!failed) return bytes;
  free(bytes);
  errno = EIO;
  return NULL;
}

static bool flag_bits(char letter, uint32_t *flags) {
  switch (letter) {
  case 'i': *flags |= TRM_PATTERN_CASELESS; return true;
  case 's': *flags |= TRM_PATTERN_DOTALL; return true;
  case 'm': *flags |= TRM_PATTERN_MULTILINE; return true;
  case 'u': *flags |= TRM_PATTERN_UNICODE; return true;
  case 'l': *flags |= TRM_PATTERN_LITERAL; return true;
  case 'H': *flags |= TRM_PATTERN_SINGLE; return true;
  default: return false;
  }
}

static void add(rule_list *list, rule_names *names, size_t line, const char *name, size_t name_len,
                const char *pattern, size_t pattern_len, uint32_t flags) {
  if (list->count == list->capacity) {
    size_t n = list->capacity = list->capacity == 0 ? 256 : list->capacity * 2;
    list->patterns = (trm_pattern *)must_realloc(list->patterns, n, sizeof *list->patterns);
    list->lines = (size_t *)must_realloc(list->lines, n, sizeof *list->lines);
    names->names = (const char **)must_realloc((void *)names->names, n, sizeof *names->names);
    names->name_lengths =
        (size_t *)must_realloc(names->name_lengths, n, sizeof *names->name_lengths);
  }
  trm_pattern *p = &list->patterns[list->count];
  memset(p, 0, sizeof *p);
  p->bytes = pattern;
  p->len = pattern_len;
  p->id = (uint32_t)list->count;
  p->flags = flags;
  list->lines[list->count] = line;
  names->names[list->count] = name;
  names->name_lengths[list->count] = name_len;
  names->count = ++list->count;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/* One line without its newline. */
static void parse_rule(rule_list *list, rule_names *names, size_t line, const char *text,
                       size_t len) {
  while (len > 0 && is_blank(text[len - 1])) len--;
  while (len > 0 && is_blank(text[0])) text++, len--;
  if (len == 0 || text[0] == '#') return;

  const char *colon = (const char *)memchr(text, ':', len);
  const char *end = text + len;
  if (colon == NULL) {
    bad_line(list, line, "no ':' behind the id; a rule is id:/pattern/flags");
    return;
  }
  if (colon == text) {
    bad_line(list, line, "the id is empty; a rule is id:/pattern/flags");
    return;
  }
  if (colon + 1 == end || colon[1] != '/') {
    bad_line(list, line, "no '/' behind the ':'; a rule is id:/pattern/flags");
    return;
  }
  const char *pattern = colon + 2, *slash = end;
  while (slash > pattern && slash[-1] != '/') slash--;
  if (slash == pattern) {
    bad_line(list, line, "the pattern has no closing '/'; a rule is id:/pattern/flags");
    return;
  }
  uint32_t flags = 0;
  for (const char *letter = slash; letter < end; letter++) {
    if (flag_bits(*letter, &flags)) continue;
    char why[80];
    snprintf(why, sizeof why, "'%c' is not a flag; flags are i, s, m, u, l and H",
             *letter >= 0x20 && *letter < 0x7F ? *letter : '?');
    bad_line(list, line, why);
    return;
  }
  size_t name_len = (size_t)(colon - text);
  while (name_len > 0 && is_blank(text[name_len - 1])) name_len--;
  add(list, names, line, text, name_len, pattern, (size_t)(slash - 1 - pattern), flags);
}

/* ---- one id for all rules of one name ---- */

static const rule_names
    *sorting; /* qsort has no argument for it; rules are loaded once, by one thread */

static int by_name(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  size_t lx = sorting->name_lengths[x], ly = sorting->name_lengths[y];
  int order = memcmp(sorting->names[x], sorting->names[y], lx < ly ? lx : ly);
  if (order != 0) return order;
  if (lx != ly) return lx < ly ? -1 : 1;
  return x < y ? -1 : x > y;
}

static void share_ids(rule_list *list, const rule_names *names) {
  uint32_t *order = (uint32_t *)must_realloc(NULL, list->count + 1, sizeof *order);
  for (size_t i = 0; i < list->count; i++) order[i] = (uint32_t)i;
  sorting = names;
  qsort(order, list->count, sizeof *order, by_name);
  for (size_t i = 1; i < list->count; i++) {
    size_t len = names->name_lengths[order[i]];
    if (len == names->name_lengths[order[i - 1]] &&
        memcmp(names->names[order[i]], names->names[order[i - 1]], len) == 0)
      list->patterns[order[i]].id = list->patterns[order[i - 1]].id;
  }
  free(order);
}

/* ---- compiling ---- */

static trm_rules *compile(rule_list *list) {
  trm_error errors[ERRORS_SHOWN];
  memset(errors, 0, sizeof errors);
  for (size_t i = 0; i < ERRORS_SHOWN; i++) errors[i].struct_size = sizeof errors[i];
  size_t error_count = 0;
  trm_rules *rules = NULL;
  trm_status status = trm_rules_compile(list->patterns, sizeof *list->patterns, list->count, NULL,
                                        &rules, errors, ERRORS_SHOWN, &error_count);
  if (status == TRM_OK) return rules;
  for (size_t i = 0; i < error_count && i < ERRORS_SHOWN; i++) {
    size_t line = errors[i].pattern_index < list->count ? list->lines[errors[i].pattern_index] : 0;
    if (line > 0)
      bad_line(list, line, errors[i].message);
    else
      fprintf(stderr, "%s: %s: %s\n", program_name, list->file, errors[i].message);
  }
  if (error_count == 0)
    fprintf(stderr, "%s: %s: %s\n", program_name, list->file, trm_status_string(status));
  list->errors = error_count;
  return NULL;
}

trm_rules *rules_load(const options *opt, rule_names *names) {
  rule_list list;
  size_t len = 0, number_at = 0;
  trm_rules *rules = NULL;
  memset(&list, 0, sizeof list);
  memset(names, 0, sizeof *names);
  list.file = opt->rules_file;
  names->text = read_file(opt->rules_file, &len);
  if (names->text == NULL) {
    fprintf(stderr, "%s: %s: %s\n", program_name, opt->rules_file, strerror(errno));
    return NULL;
  }
  const char *at = names->text, *end = names->text + len;
  for (size_t line = 1; at < end; line++) {
    const char *newline = (const char *)memchr(at, '\n', (size_t)(end - at));
    size_t line_len = (size_t)((newline != NULL ? newline : end) - at);
    if (!opt->literals)
      parse_rule(&list, names, line, at, line_len);
    else if (line_len > 0)
      add(&list, names, line, NULL, 0, at, line_len, TRM_PATTERN_LITERAL);
    at += line_len + 1;
  }
  if (opt->literals) { /* a literal's id is the number of its line */
    names->numbers = (char *)must_realloc(NULL, list.count + 1, 24);
    for (size_t i = 0; i < list.count; i++, number_at += 24) {
      names->names[i] = names->numbers + number_at;
      names->name_lengths[i] =
          (size_t)snprintf(names->numbers + number_at, 24, "%zu", list.lines[i]);
    }
  } else {
    share_ids(&list, names);
  }
  if (list.errors == 0 && list.count == 0) {
    fprintf(stderr, "%s: %s: no rules in it\n", program_name, opt->rules_file);
  } else if (list.errors == 0) {
    rules = compile(&list);
  }
  if (list.errors > ERRORS_SHOWN)
    fprintf(stderr, "%s: %s: and %zu more\n", program_name, opt->rules_file,
            list.errors - ERRORS_SHOWN);
  free(list.patterns);
  free(list.lines);
  return rules;
}

void rule_names_free(rule_names *names) {
  free(names->text);
  free(names->numbers);
  free((void *)names->names);
  free(names->name_lengths);
}
