#include "command.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: trommel COMMAND [OPTION]...\n"
    "\n"
    "  scan -f RULES [PATH]...  search files and directories for many patterns at once\n"
    "  check RULES              what is wrong with a rule file; how each rule is executed\n"
    "  adapters                 the GPUs, and which drains they support\n"
    "  bench                    how fast this machine scans, by size of item and by drain\n"
    "  top                      what running engines do, live\n"
    "\n"
    "trommel COMMAND --help tells more; trommel --version is the library's version.\n";

typedef struct command {
  const char *name, *full_name;
  int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {"scan", "trommel scan", scan_tree},
    {"check", "trommel check", check_main},
    {"adapters", "trommel adapters", adapters_main},
    {"bench", "trommel bench", bench_main},
    {"top", "trommel top", top_main},
};

int usage_error(const char *what, const char *value) {
  fprintf(stderr, "%s: %s%s%s (%s --help lists the options)\n", program_name, what,
          value != NULL ? ": " : "", value != NULL ? value : "", program_name);
  return EXIT_TROUBLE;
}

void print_json_text(const char *text) {
  putchar('"');
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\')
      printf("\\%c", *text);
    else if ((unsigned char)*text < 0x20)
      printf("\\u%04x", (unsigned)(unsigned char)*text);
    else
      putchar(*text);
  }
  putchar('"');
}

int main(int argc, char **argv) {
  program_name = "trommel";
  if (trm_abi_version() != TRM_ABI_VERSION) {
    fprintf(stderr, "trommel: libtrommel %s is of another ABI version than this command\n",
            trm_version_string());
    return EXIT_TROUBLE;
  }
  if (argc < 2) {
    fputs(usage, stderr);
    return EXIT_TROUBLE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    fputs(usage, stdout);
    return 0;
  }
  if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
    printf("trommel (libtrommel %s)\n", trm_version_string());
    return 0;
  }
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(argv[1], commands[i].name) != 0) continue;
    program_name = commands[i].full_name;
    return commands[i].run(argc - 1, argv + 1);
  }
  return usage_error("no such command", argv[1]);
}
