#include "kernel/memtest/overnight.h"

#include <algorithm>
#include <array>

namespace kernel {
namespace {

struct Words {
  std::array<char, 24> text;
};
Words time_of(uint64_t microseconds) {
  const uint64_t seconds = microseconds / 1'000'000 + (microseconds % 1'000'000 != 0 ? 1 : 0);
  const uint64_t hours = seconds / 3600, minutes = seconds / 60 % 60;
  Words words;
  if (hours == 0) {
    (void)mm::format(words.text, "{}:{:02}", minutes, seconds % 60);
  } else {
    (void)mm::format(words.text, "{}:{:02}:{:02}", hours, minutes, seconds % 60);
  }
  return words;
}

const char* plural(uint64_t count) { return count == 1 ? "" : "s"; }

}  // namespace

void print_time(uint64_t microseconds, const mm::Printer& out) {
  out.text(time_of(microseconds).text.data());
}

MemtestFindings Overnight::count(const MemtestFindings& findings) {
  const MemtestFindings found{findings.errors - before_.errors,
                              findings.corrected - before_.corrected,
                              findings.bad_pages - before_.bad_pages};
  before_ = findings;
  if (found.all() == 0) return found;
  const unsigned pass = passes_ + 1;
  if (bad_passes_++ == 0) first_bad_ = pass;
  if (found.all() > most_) {
    most_ = found.all();
    worst_ = pass;
  }
  return found;
}

void Overnight::end_pass(uint64_t now, const MemtestFindings& findings, const mm::Printer& out) {
  const MemtestFindings found = count(findings);
  ++passes_;
  out.line(
      "memtest: pass {}: took {}, {} error{}, {} corrected; {} since the start, {} error{} in all, "
      "{} bad page{}",
      passes_, time_of(now - pass_began_).text.data(), found.errors, plural(found.errors),
      found.corrected, time_of(now - began_).text.data(), findings.errors, plural(findings.errors),
      findings.bad_pages, plural(findings.bad_pages));
  pass_began_ = now;
}

void Overnight::finish(uint64_t now, const MemtestFindings& findings, const mm::Printer& out) {
  (void)count(findings);
  out.part("memtest: overnight: ended by a key in pass {}, after {}: {} error{}, {} corrected",
           passes_ + 1, time_of(now - began_).text.data(), findings.errors, plural(findings.errors),
           findings.corrected);
  if (bad_passes_ != 0) {
    out.part(", in {} of {} passes, first in pass {}, most in pass {} ({})", bad_passes_,
             passes_ + 1, first_bad_, worst_, most_);
  }
  out.text("\n");
}

size_t Overnight::title(uint64_t now, const MemtestFindings& findings, const char* pattern,
                        std::span<char> out) const {
  const size_t length = mm::format(out, "pass {} ({}, {} error{}), {}", passes_ + 1,
                                   time_of(now - began_).text.data(), findings.errors,
                                   plural(findings.errors), pattern);
  return std::min(length, out.size() - 1);
}

bool Overnight::is_to_keep(uint64_t now, const MemtestFindings& findings) {
  constexpr uint64_t kSeldom = 600'000'000;
  if (findings.bad_pages == kept_pages_) return false;
  if (kept_pages_ != 0 && now - kept_at_ < kSeldom) return false;
  kept_pages_ = findings.bad_pages;
  kept_at_ = now;
  return true;
}

}  // namespace kernel
