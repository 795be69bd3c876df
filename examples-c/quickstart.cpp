// The quickstart in C++: rules and engine destroy themselves, failures are exceptions.
// Built without exceptions (-fno-exceptions, or -DTROMMEL_NO_EXCEPTIONS), it uses the calls that
// return a status.
//
//   c++ -std=c++17 -Iinclude examples-c/quickstart.cpp -Ltarget/release -ltrommel -o quickstart
#include "trommel.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace {

const std::vector<std::string> texts = {"the quick brown fox", "no animals here",
                                        "a fox met another FOX at 10:42", std::string()};

std::vector<trm_pattern> patterns() {
  return {trommel::pattern("fox", 7, TRM_PATTERN_LITERAL | TRM_PATTERN_CASELESS),
          trommel::pattern("[0-9]+:[0-9]+", 8)};
}

void print(const trommel::batch &done) {
  for (const trm_completion &item : done)
    std::printf("text %u: %llu matches\n", static_cast<unsigned>(item.correlation),
                static_cast<unsigned long long>(item.match_count));
  for (const trm_match *m = done.matches_begin(); m != done.matches_end(); ++m) {
    const std::string found = texts[done[m->item].correlation].substr(m->start, m->end - m->start);
    std::printf("  rule %u at %llu: %s\n", static_cast<unsigned>(m->rule_id),
                static_cast<unsigned long long>(m->start), found.c_str());
  }
}

} // namespace

#ifndef TROMMEL_NO_EXCEPTIONS

int main() {
  try {
    trommel::rules rules = trommel::rules::compile(patterns());
    trommel::engine engine = trommel::engine::create();
    engine.load(0, rules);
    for (std::size_t i = 0; i < texts.size(); i++)
      engine.submit(texts[i], 0, static_cast<std::uint32_t>(i));
    trommel::batch done;
    for (std::size_t left = texts.size(); left > 0; left -= done.size()) {
      engine.collect(done);
      print(done);
    }
    std::printf("and at once: %zu matches\n", engine.scan("fox fox", 0).size());
    engine.close();
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}

#else

int main() {
  trommel::rules rules;
  trommel::engine engine;
  trommel::batch done;
  std::vector<trm_match> matches;
  bool fine = trommel::rules::try_compile(patterns(), rules) == TRM_OK &&
              trommel::engine::try_create(engine) == TRM_OK && engine.try_load(0, rules) == TRM_OK;
  for (std::size_t i = 0; fine && i < texts.size(); i++)
    fine = engine.try_submit(texts[i], 0, static_cast<std::uint32_t>(i)) == TRM_OK;
  for (std::size_t left = texts.size(); fine && left > 0; left -= done.size()) {
    fine = engine.try_collect(done) == TRM_OK;
    print(done);
  }
  fine = fine && engine.try_scan("fox fox", 0, matches) == TRM_OK;
  if (fine) std::printf("and at once: %zu matches\n", matches.size());
  fine = fine && engine.try_close() == TRM_OK;
  if (!fine) std::fprintf(stderr, "libtrommel refused a call\n");
  return fine ? 0 : 1;
}

#endif
