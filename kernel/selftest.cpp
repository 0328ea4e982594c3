#include "kernel/selftest.h"

#include <cstdarg>

#include "kernel/ktap.h"
#include "kernel/selftest_kernel.h"
#include "kernel/selftest_mm.h"

namespace kernel {
namespace {

constexpr std::array kTests{
    SelfTest{"kernel.handoff", "the handoff is whole and the image lies in its reservation",
             test_handoff},
    SelfTest{"kernel.ledger", "every byte has one owner and the sums come out", test_ledger},
    SelfTest{"kernel.pages.wx", "no page is writable and executable", test_write_xor_execute},
    SelfTest{"kernel.pages.image", "text and rodata are read-only through every mapping",
             test_image_read_only},
    SelfTest{"kernel.pages.guard", "the page below each stack faults", test_guard_pages},
    SelfTest{"mm.buddy.reserved", "no free block holds a byte that is reserved or no RAM",
             test_free_is_free},
    SelfTest{"mm.buddy.counts", "free_area, counters and managed pages agree", test_counts},
    SelfTest{"mm.buddy.audit", "every structure of the allocator agrees with every other",
             test_audit},
    SelfTest{"mm.zones.largest", "each zone allocates to empty in the largest blocks and returns",
             test_largest_blocks},
    SelfTest{"mm.zones.small", "small orders, interleaved, do not overlap and merge again",
             test_small_orders},
    SelfTest{"mm.nodes.local", "memory comes from the node that is asked for", test_node_local},
    SelfTest{"mm.nodes.fallback", "a node without memory is served by the next one",
             test_node_fallback},
    SelfTest{"mm.free.refused", "double, unaligned, foreign and wrong-order frees are refused",
             test_wrong_frees},
};

bool wanted(std::string_view pattern, const SelfTest& test) {
  return pattern.empty() || pattern == "full" || matches(pattern, test.id);
}

void report(Ktap& ktap, const SelfTest& test, const Verdict& verdict) {
  switch (verdict.kind()) {
    case Verdict::Kind::Pass:
      ktap.ok(test.id);
      return;
    case Verdict::Kind::Skip:
      ktap.skip(test.id, verdict.facts());
      return;
    case Verdict::Kind::Fail:
      ktap.not_ok(test.id, verdict.facts());
      return;
  }
}

}  // namespace

std::span<const SelfTest> selftests() { return kTests; }

void Verdict::say(const char* format, va_list args) {
  struct Text {
    std::span<char> room;
    size_t used = 0;
  } text{facts_};
  const mm::Printer printer(
      [](void* context, std::string_view piece) {
        auto& to = *static_cast<Text*>(context);
        for (const char c : piece) {
          if (to.used + 1 < to.room.size()) to.room[to.used] = c;
          ++to.used;
        }
      },
      &text);
  printer.vpart(format, args);
  if (text.used < facts_.size()) return;
  for (size_t i = facts_.size() - 4; i < facts_.size() - 1; ++i) facts_[i] = '.';
}

Verdict Verdict::fail(const char* format, ...) {
  Verdict verdict(Kind::Fail);
  va_list args;
  va_start(args, format);
  verdict.say(format, args);
  va_end(args);
  return verdict;
}

Verdict Verdict::skip(const char* format, ...) {
  Verdict verdict(Kind::Skip);
  va_list args;
  va_start(args, format);
  verdict.say(format, args);
  va_end(args);
  return verdict;
}

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && pattern.front() == text.front() &&
           matches(pattern.substr(1), text.substr(1));
  }
  for (size_t skipped = 0; skipped <= text.size(); ++skipped) {
    if (matches(pattern.substr(1), text.substr(skipped))) return true;
  }
  return false;
}

bool run_selftests(Booted& machine, std::string_view pattern, const mm::Printer& out) {
  if (pattern == "list") {
    for (const SelfTest& test : kTests) out.line("%-20s %s", test.id, test.title);
    return true;
  }
  size_t count = 0;
  for (const SelfTest& test : kTests) count += wanted(pattern, test) ? 1 : 0;
  if (count == 0) {
    out.line("selftest=%.*s matches no test; selftest=list names them",
             static_cast<int>(pattern.size()), pattern.data());
    return false;
  }
  Ktap ktap(out, count);
  for (const SelfTest& test : kTests) {
    if (!wanted(pattern, test)) continue;
    ktap.diagnostic("%s", test.title);
    report(ktap, test, test.run(machine));
  }
  return ktap.finish();
}

}  // namespace kernel
