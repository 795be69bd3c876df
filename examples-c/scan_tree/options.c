#include "scan_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "Searches files, directories and all that is in them, or standard input (no PATH, or -),\n"
    "for many patterns at once. Prints path:line:column: id: matched text\n"
    "\n"
    "  -f, --rules FILE      a rule a line: id:/pattern/flags, # begins a comment line\n"
    "                        flags: i caseless, s dot matches newline, m ^ and $ at lines,\n"
    "                        u Unicode, l literal, H only the first match of a file\n"
    "  -F, --literals        the rule file is one literal a line; its line number is the id\n"
    "  -a, --text            search binary files too (a NUL byte in the first 64 KiB)\n"
    "  -c, --count           only how many findings a file has: path:count\n"
    "  -m, --max-matches N   print at most N findings of a file\n"
    "      --json            an object a line\n"
    "      --drain KIND      who scans: auto, cpu, batch or persistent (default auto)\n"
    "      --adapter NAME    which GPU: its index, or a part of its name\n"
    "      --threads N       reading threads, and scanning threads of the cpu drain\n"
    "                        (default: one for each processor, two fewer readers beside a GPU)\n"
    "      --arena SIZE      memory shared with the engine: 16M, 1G ... (default 64M)\n"
    "      --                what follows is a path\n"
    "  -h, --help            this text\n"
    "  -V, --version         the library's version\n"
    "\n"
    "Exit code: 0 something found, 1 nothing found, 2 trouble, 130 interrupted.\n";

static bool fail(int *exit_code, const char *what, const char *value) {
  fprintf(stderr, "%s: %s%s%s (%s --help lists the options)\n", program_name, what,
          value ? ": " : "", value ? value : "", program_name);
  *exit_code = EXIT_TROUBLE;
  return false;
}

/* A number with an optional K, M or G, all of it. */
static bool parse_number(const char *text, bool units, uint64_t *value) {
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (errno != 0) return false;
  unsigned shift = 0;
  if (units && *end != '\0') {
    const char *letters = "KMG";
    const char *letter = strchr(letters, *end);
    if (letter == NULL) return false;
    shift = 10 * (unsigned)(letter - letters + 1);
    end++;
  }
  if (*end != '\0' || number > (UINT64_MAX >> shift)) return false;
  *value = (uint64_t)number << shift;
  return true;
}

static bool known_drain(const char *name) {
  return strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0 || strcmp(name, "batch") == 0 ||
         strcmp(name, "persistent") == 0;
}

/* Every option with a long name, and the letter that it is handled as. */
typedef struct long_option {
  const char *name;
  char letter;
} long_option;

static const long_option long_options[] = {
    {"rules", 'f'},       {"literals", 'F'}, {"text", 'a'},  {"count", 'c'},
    {"max-matches", 'm'}, {"json", 'j'},     {"drain", 'd'}, {"adapter", 'g'},
    {"threads", 't'},     {"arena", 'A'},    {"help", 'h'},  {"version", 'V'},
};

/* Those can be written with one dash; the others have a long name only. */
static const char short_letters[] = "fFacmhV";
static const char with_value[] = "fmdgtA";

static char letter_of(const char *name, size_t len) {
  for (size_t i = 0; i < sizeof long_options / sizeof long_options[0]; i++)
    if (strlen(long_options[i].name) == len && memcmp(long_options[i].name, name, len) == 0)
      return long_options[i].letter;
  return 0;
}

/* One option that is known by its letter. */
static bool apply(options *opt, char letter, const char *value, int *exit_code) {
  uint64_t number = 0;
  switch (letter) {
  case 'f': opt->rules_file = value; return true;
  case 'F': opt->literals = true; return true;
  case 'a': opt->text = true; return true;
  case 'c': opt->count = true; return true;
  case 'j': opt->json = true; return true;
  case 'g': opt->adapter = value; return true;
  case 'd':
    if (!known_drain(value)) return fail(exit_code, "not auto, cpu, batch or persistent", value);
    opt->drain = value;
    return true;
  case 'm':
    if (!parse_number(value, false, &opt->max_matches))
      return fail(exit_code, "not a number of findings", value);
    return true;
  case 't':
    if (!parse_number(value, false, &number) || number < 1 || number > 256)
      return fail(exit_code, "not a number of threads from 1 to 256", value);
    opt->threads = opt->readers = (uint32_t)number;
    return true;
  case 'A':
    if (!parse_number(value, true, &number) || number < 4096 || number > (uint64_t)1 << 32)
      return fail(exit_code, "not a size from 4K to 4G", value);
    opt->arena_bytes = number;
    return true;
  case 'V':
    printf("%s (libtrommel %s)\n", program_name, trm_version_string());
    *exit_code = EXIT_FOUND;
    return false;
  default: /* h */
    printf("usage: %s [OPTION]... -f RULES [PATH]...\n%s", program_name, usage);
    *exit_code = EXIT_FOUND;
    return false;
  }
}

/* argv[*at] begins with two dashes. */
static bool parse_long(options *opt, int argc, char **argv, int *at, int *exit_code) {
  const char *name = argv[*at] + 2;
  const char *equals = strchr(name, '=');
  char letter = letter_of(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
  if (letter == 0) return fail(exit_code, "unknown option", argv[*at]);
  const char *value = NULL;
  if (strchr(with_value, letter) != NULL) {
    if (equals != NULL)
      value = equals + 1;
    else if (*at + 1 < argc)
      value = argv[++*at];
    else
      return fail(exit_code, "option needs a value", argv[*at]);
  } else if (equals != NULL) {
    return fail(exit_code, "option takes no value", argv[*at]);
  }
  return apply(opt, letter, value, exit_code);
}

/* argv[*at] is a dash and letters: -aF, -m5, -m 5. */
static bool parse_short(options *opt, int argc, char **argv, int *at, int *exit_code) {
  for (const char *letter = argv[*at] + 1; *letter != '\0'; letter++) {
    if (strchr(short_letters, *letter) == NULL) return fail(exit_code, "unknown option", argv[*at]);
    if (strchr(with_value, *letter) == NULL) {
      if (!apply(opt, *letter, NULL, exit_code)) return false;
      continue;
    }
    const char *value = letter + 1;
    if (*value == '\0') {
      if (*at + 1 >= argc) return fail(exit_code, "option needs a value", argv[*at]);
      value = argv[++*at];
    }
    return apply(opt, *letter, value, exit_code);
  }
  return true;
}

bool options_parse(options *opt, int argc, char **argv, int *exit_code) {
  memset(opt, 0, sizeof *opt);
  opt->drain = "auto";
  opt->max_matches = UINT64_MAX;
  opt->arena_bytes = (uint64_t)64 << 20;
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  opt->threads = processors < 1 ? 1 : processors > 256 ? 256 : (uint32_t)processors;

  /* Paths may stand between the options: they are moved to the front of argv as they are met. */
  int paths = 0;
  bool only_paths = false;
  for (int i = 1; i < argc; i++) {
    char *arg = argv[i];
    if (only_paths || arg[0] != '-' || arg[1] == '\0')
      argv[paths++] = arg;
    else if (strcmp(arg, "--") == 0)
      only_paths = true;
    else if (arg[1] == '-' ? !parse_long(opt, argc, argv, &i, exit_code)
                           : !parse_short(opt, argc, argv, &i, exit_code))
      return false;
  }
  if (opt->rules_file == NULL) return fail(exit_code, "no rules: -f FILE is missing", NULL);
  if (paths == 0) argv[paths++] = (char *)"-"; /* argv[0] is ours to use: argc is at least 1 */
  opt->paths = argv;
  opt->path_count = (size_t)paths;
  return true;
}
