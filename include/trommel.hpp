/* trommel.hpp: trommel.h for C++11 and later. Header-only and thin: handles that destroy
 * themselves, and answers as vectors. It hides nothing: every object has get(), and every trm_ call
 * can be used beside it.
 *
 * Each call comes in two forms. try_scan(...) and its like return a trm_status and never throw on a
 * status (running out of memory for a vector is still std::bad_alloc). scan(...) returns the answer
 * and throws trommel::error; these forms are there unless exceptions are off or
 * TROMMEL_NO_EXCEPTIONS is defined.
 *
 * Threads: as in trommel.h. One engine may be used by any number of threads at once; rules are
 * immutable. */
#ifndef TROMMEL_HPP
#define TROMMEL_HPP

#include "trommel.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#if !defined(TROMMEL_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) &&     \
    !defined(_CPPUNWIND)
#define TROMMEL_NO_EXCEPTIONS 1
#endif
#ifndef TROMMEL_NO_EXCEPTIONS
#include <stdexcept>
#endif

namespace trommel {

/* Whether the library that is loaded is the one that this header was written for. */
inline bool abi_matches() noexcept {
  return trm_abi_version() == TRM_ABI_VERSION;
}

/* A trm_error, ready to be filled in. */
inline trm_error make_error() noexcept {
  trm_error error;
  std::memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  return error;
}

inline trm_options default_options() noexcept {
  trm_options options;
  std::memset(&options, 0, sizeof options);
  if (trm_options_init(&options, sizeof options) != TRM_OK)
    options.struct_size = 0; /* refused later */
  return options;
}

/* Bytes that somebody else keeps: text, a vector, a span, a string_view. */
class bytes {
public:
  bytes(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}
  bytes(const char *text) noexcept : data_(text), size_(std::strlen(text)) {}
  template <class Container, class = decltype(std::declval<const Container &>().data())>
  bytes(const Container &c) noexcept : data_(c.data()), size_(c.size() * sizeof(*c.data())) {}

  const void *data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

private:
  const void *data_;
  std::size_t size_;
};

/* One pattern; flags are TRM_PATTERN_*. The bytes must live until compile returns. */
inline trm_pattern pattern(bytes text, std::uint32_t id, std::uint32_t flags = 0) noexcept {
  trm_pattern p;
  std::memset(&p, 0, sizeof p);
  p.bytes = text.data();
  p.len = text.size();
  p.id = id;
  p.flags = flags;
  return p;
}

#ifndef TROMMEL_NO_EXCEPTIONS
/* A failure: the status, and the library's sentence as what(). */
class error : public std::runtime_error {
public:
  error(trm_status status, const trm_error &detail)
      : std::runtime_error(detail.message[0] != '\0' ? detail.message : trm_status_string(status)),
        status_(status), detail_(detail) {}
  explicit error(trm_status status) : error(status, make_error()) {}

  trm_status status() const noexcept { return status_; }
  const trm_error &detail() const noexcept { return detail_; }

private:
  trm_status status_;
  trm_error detail_;
};

namespace detail {
inline void check_abi() {
  if (!abi_matches())
    throw std::runtime_error("libtrommel is of another ABI version than trommel.hpp");
}
inline void check(trm_status status, const trm_error &why) {
  if (status < 0) throw error(status, why);
}
inline void check(trm_status status) {
  if (status < 0) throw error(status);
}
} // namespace detail
#endif

/* ---- rules ---- */

class rules {
public:
  rules() noexcept : handle_(nullptr) {}
  explicit rules(trm_rules *handle) noexcept : handle_(handle) {} /* takes it */
  rules(rules &&other) noexcept : handle_(other.release()) {}
  rules &operator=(rules &&other) noexcept {
    rules(std::move(other)).swap(*this);
    return *this;
  }
  ~rules() { trm_rules_destroy(handle_); }

  trm_rules *get() const noexcept { return handle_; }
  trm_rules *release() noexcept {
    trm_rules *handle = handle_;
    handle_ = nullptr;
    return handle;
  }
  void swap(rules &other) noexcept { std::swap(handle_, other.handle_); }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /* All errors of the set are told, up to 64. TRM_ERR_UNSUPPORTED without any when the loaded
   * library is of another ABI than this header; so do try_deserialize and engine::try_create. */
  static trm_status try_compile(const std::vector<trm_pattern> &patterns, rules &out,
                                std::vector<trm_error> *errors = nullptr,
                                const trm_compile_options *options = nullptr) {
    if (!abi_matches()) return TRM_ERR_UNSUPPORTED;
    std::vector<trm_error> room(64, make_error());
    std::size_t count = 0;
    trm_rules *handle = nullptr;
    trm_status status = trm_rules_compile(patterns.data(), sizeof(trm_pattern), patterns.size(),
                                          options, &handle, room.data(), room.size(), &count);
    if (errors != nullptr) {
      room.resize(count < room.size() ? count : room.size());
      errors->swap(room);
    }
    if (status == TRM_OK) out = rules(handle);
    return status;
  }

  trm_status try_serialize(std::vector<unsigned char> &out) const {
    std::size_t needed = 0;
    trm_status status = trm_rules_serialize(handle_, nullptr, 0, &needed);
    if (status != TRM_OK && status != TRM_ERR_BUFFER) return status;
    out.resize(needed);
    return trm_rules_serialize(handle_, out.data(), out.size(), &needed);
  }

  static trm_status try_deserialize(bytes saved, rules &out, trm_error *why = nullptr) {
    if (!abi_matches()) return TRM_ERR_UNSUPPORTED;
    trm_rules *handle = nullptr;
    trm_status status = trm_rules_deserialize(saved.data(), saved.size(), &handle, why);
    if (status == TRM_OK) out = rules(handle);
    return status;
  }

#ifndef TROMMEL_NO_EXCEPTIONS
  static rules compile(const std::vector<trm_pattern> &patterns,
                       const trm_compile_options *options = nullptr) {
    rules out;
    std::vector<trm_error> errors;
    detail::check_abi();
    trm_status status = try_compile(patterns, out, &errors, options);
    detail::check(status, errors.empty() ? make_error() : errors.front());
    return out;
  }
  std::vector<unsigned char> serialize() const {
    std::vector<unsigned char> out;
    detail::check(try_serialize(out));
    return out;
  }
  static rules deserialize(bytes saved) {
    rules out;
    trm_error why = make_error();
    detail::check_abi();
    detail::check(try_deserialize(saved, out, &why), why);
    return out;
  }
#endif

private:
  trm_rules *handle_;
};

/* ---- results ---- */

/* What one collect took: whole items, each with its matches. Reused, it keeps its memory. */
class batch {
public:
  /* At most max_items at a time. */
  explicit batch(std::size_t max_items = 256)
      : items_(max_items), matches_(1024), item_count_(0), match_count_(0) {}

  std::size_t size() const noexcept { return item_count_; }
  bool empty() const noexcept { return item_count_ == 0; }
  const trm_completion &operator[](std::size_t i) const noexcept { return items_[i]; }
  const trm_completion *begin() const noexcept { return items_.data(); }
  const trm_completion *end() const noexcept { return items_.data() + item_count_; }

  /* All matches of the batch; match.item is an index into the batch. */
  const trm_match *matches_begin() const noexcept { return matches_.data(); }
  const trm_match *matches_end() const noexcept { return matches_.data() + match_count_; }

private:
  friend class engine;
  std::vector<trm_completion> items_;
  std::vector<trm_match> matches_;
  std::size_t item_count_, match_count_;
};

/* ---- input ---- */

/* A piece of the engine's memory to write an item's bytes into. Given back when it goes: keep it
 * until the items that point into it are done. */
class region {
public:
  region() noexcept : engine_(nullptr) { std::memset(&region_, 0, sizeof region_); }
  region(trm_engine *engine, const trm_region &taken) noexcept : engine_(engine), region_(taken) {}
  region(region &&other) noexcept : engine_(other.engine_), region_(other.region_) {
    other.engine_ = nullptr;
  }
  region &operator=(region &&other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(region_, other.region_);
    return *this;
  }
  ~region() {
    if (engine_ != nullptr && trm_input_release(engine_, region_.input_offset) != TRM_OK) {
      /* the engine is gone, and the memory with it */
    }
  }

  unsigned char *data() const noexcept { return static_cast<unsigned char *>(region_.bytes); }
  std::uint32_t size() const noexcept { return region_.len; }
  std::uint32_t offset() const noexcept { return region_.input_offset; }
  explicit operator bool() const noexcept { return engine_ != nullptr; }

  trm_work_item item(std::uint32_t rule_set_id, std::uint32_t correlation) const noexcept {
    trm_work_item item = {region_.input_offset, region_.len, rule_set_id, correlation};
    return item;
  }

private:
  trm_engine *engine_;
  trm_region region_;
};

/* ---- streams ---- */

/* A text that comes in pieces; each completes on the engine's handle. Left alone when it goes: what
 * was not settled is dropped, unless close() ended the text. */
class stream {
public:
  stream() noexcept : handle_(nullptr) {}
  explicit stream(trm_stream *handle) noexcept : handle_(handle) {}
  stream(stream &&other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  stream &operator=(stream &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~stream() { trm_stream_destroy(handle_); }

  trm_stream *get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /* TRM_QUEUE_FULL and TRM_ARENA_FULL are answers: collect, then try again. */
  trm_status try_feed(bytes piece, trm_ticket *ticket = nullptr, trm_error *why = nullptr) {
    return trm_stream_feed(handle_, piece.data(), piece.size(), ticket, why);
  }
  /* After TRM_OK there is no stream any more. */
  trm_status try_close(trm_ticket *ticket = nullptr) {
    trm_status status = trm_stream_close(handle_, ticket);
    if (status == TRM_OK) handle_ = nullptr;
    return status;
  }

private:
  trm_stream *handle_;
};

/* ---- engine ---- */

class engine {
public:
  engine() noexcept : handle_(nullptr) {}
  explicit engine(trm_engine *handle) noexcept : handle_(handle) {} /* takes it */
  engine(engine &&other) noexcept : handle_(other.release()) {}
  engine &operator=(engine &&other) noexcept {
    engine(std::move(other)).swap(*this);
    return *this;
  }
  ~engine() { trm_engine_destroy(handle_); }

  trm_engine *get() const noexcept { return handle_; }
  trm_engine *release() noexcept {
    trm_engine *handle = handle_;
    handle_ = nullptr;
    return handle;
  }
  void swap(engine &other) noexcept { std::swap(handle_, other.handle_); }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  static trm_status try_create(engine &out, const trm_options *options = nullptr,
                               trm_error *why = nullptr) {
    if (!abi_matches()) return TRM_ERR_UNSUPPORTED;
    trm_engine *handle = nullptr;
    trm_status status = trm_engine_create(options, &handle, why);
    if (status == TRM_OK) out = engine(handle);
    return status;
  }

  /* Another handle on the same engine, with completions of its own: one for each thread scales. */
  trm_status try_attach(engine &out, trm_error *why = nullptr) {
    trm_engine *handle = nullptr;
    trm_status status = trm_engine_attach(handle_, &handle, why);
    if (status == TRM_OK) out = engine(handle);
    return status;
  }

  trm_status try_load(std::uint32_t rule_set_id, const rules &set, trm_error *why = nullptr) {
    return trm_engine_load_rules(handle_, rule_set_id, set.get(), why);
  }
  trm_status try_unload(std::uint32_t rule_set_id) {
    return trm_engine_unload_rules(handle_, rule_set_id);
  }

  /* TRM_QUEUE_FULL and TRM_ARENA_FULL are answers: collect, then try again. */
  trm_status try_submit(bytes text, std::uint32_t rule_set_id, std::uint32_t correlation,
                        trm_ticket *ticket = nullptr) {
    trm_ticket unwanted;
    if (text.size() > UINT32_MAX) return TRM_ERR_RANGE;
    return trm_submit(handle_, text.data(), static_cast<std::uint32_t>(text.size()), rule_set_id,
                      correlation, ticket != nullptr ? ticket : &unwanted);
  }

  /* All or a prefix, each an item of its own: tickets first ... first + accepted - 1. */
  trm_status try_submit(const std::vector<trm_text> &texts, std::size_t &accepted,
                        trm_ticket *first = nullptr) {
    trm_ticket unwanted;
    accepted = 0;
    return trm_submit_batch(handle_, texts.data(), texts.size(),
                            first != nullptr ? first : &unwanted, &accepted);
  }

  /* One item, the joined bytes. */
  trm_status try_submit(const std::vector<trm_segment> &parts, std::uint32_t rule_set_id,
                        std::uint32_t correlation, trm_ticket *ticket = nullptr) {
    return trm_submit_segments(handle_, parts.data(), parts.size(), rule_set_id, correlation,
                               ticket);
  }

  trm_status try_open(stream &out, std::uint32_t rule_set_id, std::uint32_t correlation,
                      const trm_stream_options *options = nullptr, trm_error *why = nullptr) {
    trm_stream *handle = nullptr;
    trm_status status = trm_stream_open(handle_, rule_set_id, correlation, options, &handle, why);
    if (status == TRM_OK) out = stream(handle);
    return status;
  }

  /* TRM_TAKEN: too late. */
  trm_status try_cancel(trm_ticket ticket) { return trm_cancel(handle_, ticket); }
  /* For items accepted from now on; below 0: none. */
  trm_status try_set_deadline(std::int64_t timeout_ns) {
    return trm_engine_set_deadline(handle_, timeout_ns);
  }

  trm_status try_acquire(std::uint32_t len, region &out, std::int64_t timeout_ns = 0) {
    trm_region taken;
    std::memset(&taken, 0, sizeof taken);
    trm_status status = trm_input_acquire(handle_, len, timeout_ns, &taken);
    if (status == TRM_OK) out = region(handle_, taken);
    return status;
  }

  /* The caller's own memory as input; it has to stay until try_unregister has answered TRM_OK. */
  trm_status try_register(const void *bytes, std::size_t len, std::uint32_t &input_offset,
                          trm_error *why = nullptr) {
    return trm_buffer_register(handle_, bytes, len, &input_offset, why);
  }

  trm_status try_unregister(std::uint32_t input_offset, std::int64_t timeout_ns = -1) {
    return trm_buffer_unregister(handle_, input_offset, timeout_ns);
  }

  /* All or a prefix: accepted items have the tickets first ... first + accepted - 1. */
  trm_status try_enqueue(const trm_work_item *items, std::size_t count, std::size_t &accepted,
                         trm_ticket *first = nullptr) {
    trm_ticket unwanted;
    accepted = 0;
    return trm_enqueue_batch(handle_, items, count, first != nullptr ? first : &unwanted,
                             &accepted);
  }

  /* Takes what is finished; makes room for its matches as needed. Timeout 0 polls, below 0 is for
   * ever. */
  trm_status try_collect(batch &out, std::int64_t timeout_ns = -1) {
    for (;;) {
      out.item_count_ = out.match_count_ = 0;
      std::size_t items = 0, found = 0;
      trm_status status = trm_collect(handle_, timeout_ns, out.items_.data(), out.items_.size(),
                                      &items, out.matches_.data(), out.matches_.size(), &found);
      if (status == TRM_ERR_BUFFER && found > out.matches_.size()) {
        out.matches_.resize(found); /* nothing was taken */
        continue;
      }
      if (status == TRM_OK) {
        out.item_count_ = items;
        out.match_count_ = found;
      }
      return status;
    }
  }

  /* One text, all its matches; any length. */
  trm_status try_scan(bytes text, std::uint32_t rule_set_id, std::vector<trm_match> &out,
                      trm_error *why = nullptr) {
    std::size_t count = 0;
    if (out.size() < 64) out.resize(64);
    for (;;) {
      trm_status status = trm_scan(handle_, rule_set_id, text.data(), text.size(), out.data(),
                                   out.size(), &count, why);
      if (status == TRM_ERR_BUFFER && count > out.size()) {
        out.resize(count);
        continue;
      }
      out.resize(status < 0 ? 0 : count);
      return status;
    }
  }

  /* Nothing new is accepted; waits for what was. */
  trm_status try_close(std::int64_t timeout_ns = -1) {
    return trm_engine_close(handle_, timeout_ns);
  }

#ifndef TROMMEL_NO_EXCEPTIONS
  static engine create(const trm_options *options = nullptr) {
    engine out;
    trm_error why = make_error();
    detail::check_abi();
    detail::check(try_create(out, options, &why), why);
    return out;
  }
  engine attach() {
    engine out;
    trm_error why = make_error();
    detail::check(try_attach(out, &why), why);
    return out;
  }
  void load(std::uint32_t rule_set_id, const rules &set) {
    trm_error why = make_error();
    detail::check(try_load(rule_set_id, set, &why), why);
  }
  /* The ticket; 0: the ring or the arena is full, so collect and try again. */
  trm_ticket submit(bytes text, std::uint32_t rule_set_id, std::uint32_t correlation) {
    trm_ticket ticket = 0;
    trm_status status = try_submit(text, rule_set_id, correlation, &ticket);
    detail::check(status);
    return status == TRM_OK ? ticket : 0;
  }
  /* False: nothing was finished in that time. */
  bool collect(batch &out, std::int64_t timeout_ns = -1) {
    trm_status status = try_collect(out, timeout_ns);
    detail::check(status);
    return status == TRM_OK;
  }
  std::vector<trm_match> scan(bytes text, std::uint32_t rule_set_id) {
    std::vector<trm_match> out;
    trm_error why = make_error();
    detail::check(try_scan(text, rule_set_id, out, &why), why);
    return out;
  }
  /* False: the time was up first. */
  bool close(std::int64_t timeout_ns = -1) {
    trm_status status = try_close(timeout_ns);
    detail::check(status);
    return status == TRM_OK;
  }
#endif

private:
  trm_engine *handle_;
};

} // namespace trommel
#endif
