#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: trommel check [OPTION]... RULES\n"
    "Compiles a rule file, says everything that is wrong with it, and tells how each rule is\n"
    "executed: its tier, the lengths of its matches, the bytes of its tables, the first factor "
    "that\n"
    "is looked for, and why.\n"
    "\n"
    "  -F, --literals  the file is one literal a line\n"
    "      --json      an object a rule\n"
    "      --tiers     only how many rules each tier has\n"
    "\n"
    "Exit code: 0 the rules are fine, 2 they are not.\n";

static const char *const tiers[] = {"literal", "factor", "run", "confirm", "host"};
enum { TIERS = sizeof tiers / sizeof tiers[0] };

static const char *tier_name(uint32_t tier) {
  return tier < TIERS ? tiers[tier] : "unknown";
}

/* "12", or what stands for no bound. */
static const char *length_text(uint64_t length, const char *unbounded, char *room, size_t size) {
  if (length == TRM_UNBOUNDED) return unbounded;
  snprintf(room, size, "%" PRIu64, length);
  return room;
}

static void print_json(const trm_rule_info *info, const char *name) {
  char room[24];
  fputs("{\"rule\":", stdout);
  print_json_text(name);
  printf(",\"tier\":\"%s\",\"factors\":%" PRIu32 ",\"min_len\":%" PRIu64, tier_name(info->tier),
         info->factor_count, info->min_len);
  printf(",\"max_len\":%s", length_text(info->max_len, "null", room, sizeof room));
  printf(",\"window\":%s,\"table_bytes\":%" PRIu64 ",\"factor\":",
         length_text(info->window, "null", room, sizeof room), info->table_bytes);
  print_json_text(info->factor);
  fputs(",\"why\":", stdout);
  print_json_text(info->why);
  puts("}");
}

static void print_line(const trm_rule_info *info, const char *name) {
  char room[24];
  printf("%-24s %-8s %6" PRIu64 " %9s %9" PRIu64 "  %-20s %s\n", name, tier_name(info->tier),
         info->min_len, length_text(info->max_len, "any", room, sizeof room), info->table_bytes,
         info->factor[0] ? info->factor : "-", info->why);
}

static void print_rules(const trm_rule_info *info, size_t count, const rule_names *names, bool json,
                        bool only_tiers) {
  size_t of_tier[TIERS] = {0};
  if (!json && !only_tiers)
    printf("%-24s %-8s %6s %9s %9s  %-20s %s\n", "rule", "tier", "min", "max", "tables", "factor",
           "why");
  for (size_t i = 0; i < count; i++) {
    if (info[i].tier < TIERS) of_tier[info[i].tier]++;
    if (only_tiers) continue;
    char name[256];
    snprintf(name, sizeof name, "%.*s",
             (int)(names->name_lengths[i] < 255 ? names->name_lengths[i] : 255), names->names[i]);
    (json ? print_json : print_line)(&info[i], name);
  }
  if (json && !only_tiers) return;
  if (!json) printf("%zu rules:", count);
  for (size_t t = 0; t < TIERS; t++)
    if (json)
      printf("%s\"%s\":%zu%s", t == 0 ? "{" : ",", tiers[t], of_tier[t], t == TIERS - 1 ? "}" : "");
    else if (of_tier[t] > 0)
      printf(" %zu %s", of_tier[t], tiers[t]);
  putchar('\n');
}

int check_main(int argc, char **argv) {
  options opt;
  bool json = false, only_tiers = false;
  memset(&opt, 0, sizeof opt);
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-F") == 0 || strcmp(argv[i], "--literals") == 0) {
      opt.literals = true;
    } else if (strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (strcmp(argv[i], "--tiers") == 0) {
      only_tiers = true;
    } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      fputs(usage, stdout);
      return 0;
    } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
      return usage_error("unknown option", argv[i]);
    } else if (opt.rules_file != NULL) {
      return usage_error("more than one rule file", argv[i]);
    } else {
      opt.rules_file = argv[i];
    }
  }
  if (opt.rules_file == NULL) return usage_error("no rule file", NULL);

  rule_names names;
  int result = EXIT_TROUBLE;
  trm_rules *rules = rules_load(&opt, &names);
  if (rules != NULL) {
    size_t count = 0;
    trm_rule_info *info =
        (trm_rule_info *)must_realloc(NULL, names.count + 1, sizeof(trm_rule_info));
    memset(info, 0, (names.count + 1) * sizeof *info);
    trm_status status = trm_rules_info(rules, info, sizeof *info, names.count, &count);
    if (status == TRM_OK) {
      print_rules(info, count, &names, json, only_tiers);
      result = 0;
    } else {
      fprintf(stderr, "%s: %s\n", program_name, trm_status_string(status));
    }
    free(info);
    trm_rules_destroy(rules);
  }
  rule_names_free(&names);
  return result;
}
