#include "kernel/bad_pages.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "kernel/console.h"
#include "kernel/firmware_variables.h"
#include "kernel/memory_module.h"
#include "kernel/policy.h"
#include "loader/handoff/bad_pages.h"
#include "loader/handoff/report_variable.h"
#include "loader/handoff/text.h"

namespace kernel {
namespace {

using loader::BadPagesEntry;
using loader::BadPagesHead;

constexpr VariableName kVariable{loader::kBadPagesVariable, loader::kReportVendor,
                                 "the variable of bad pages"};
static_assert(loader::kMaxBadPages <= arch::kMaxVariable);

// Ascending, runs of one finder as one.
struct Noted {
  mm::PfnRange frames;
  const char* found_by;
};
class NotedPages {
 public:
  void add(mm::Pfn pfn, const char* found_by) {
    const auto end = runs_.begin() + static_cast<ptrdiff_t>(count_);
    auto at =
        std::find_if(runs_.begin(), end, [&](const Noted& one) { return pfn < one.frames.end; });
    if (at != end && at->frames.contains(pfn)) return;
    changed_ = true;
    if (at != runs_.begin() && (at - 1)->frames.end == pfn && (at - 1)->found_by == found_by) {
      (at - 1)->frames.end = pfn + 1;
    } else if (count_ == runs_.size()) {
      ++left_out_;
    } else {
      std::copy_backward(at, end, end + 1);
      *at = {{pfn, pfn + 1}, found_by};
      ++count_;
    }
  }
  [[nodiscard]] std::span<const Noted> runs() const { return {runs_.data(), count_}; }
  // Pages, or parts of them, for which there was no room.
  [[nodiscard]] uint64_t left_out() const { return left_out_; }
  // Whether any has come since this was asked.
  bool take_change() { return std::exchange(changed_, false); }
  // It was not written: once more, and at most so often.
  void try_again() { changed_ = tries_++ < 3; }

 private:
  std::array<Noted, kMostNotedRuns> runs_{};
  size_t count_ = 0;
  uint64_t left_out_ = 0;
  unsigned tries_ = 0;
  bool changed_ = false;
};

constinit NotedPages noted;
constinit SpinLock<LockRank::Findings> lock;  // for it

// What is in the variable now. One that is not ours, or damaged, is none, and is replaced.
loader::FoundBadPages take_stored(const loader::Handoff& handoff, std::span<uint8_t> bytes) {
  const auto size = arch::get_variable(handoff, kVariable, bytes);
  if (!size.ok() || !size.value().has_value()) return {};
  const auto found = loader::parse_found(bytes.first(*size.value()));
  return found.ok() ? found.value() : loader::FoundBadPages{};
}

// Before neighbours are joined.
using Entries = std::array<BadPagesEntry, kMostNotedRuns + loader::kMostBadPagesEntries>;

// What is stored and what was noted, ascending and disjoint; how many.
size_t merge(const loader::FoundBadPages& stored, std::span<const Noted> runs,
             const MemoryModules& modules, Entries& entries) {
  size_t count = 0;
  for (size_t i = 0; i < stored.head.count; ++i) entries[count++] = stored.at(i);
  for (const Noted& run : runs) {
    const mm::Range range = phys(run.frames);
    const auto all = std::span(entries).first(count);
    if (std::any_of(all.begin(), all.end(), [&](const BadPagesEntry& entry) {
          return entry.range.start <= range.start && range.end <= entry.range.end;
        })) {
      continue;
    }
    BadPagesEntry entry{range, {}, {}};
    loader::put_text(entry.found_by, run.found_by);
    modules.name(range.start, entry.module);
    entries[count++] = entry;
  }
  const auto all = std::span(entries).first(count);
  std::sort(all.begin(), all.end(), [](const BadPagesEntry& a, const BadPagesEntry& b) {
    return a.range.start < b.range.start;
  });
  size_t kept = 0;
  for (const BadPagesEntry& entry : all) {
    if (kept != 0 && entry.range.start < entries[kept - 1].range.end) {
      entries[kept - 1].range.end = std::max(entries[kept - 1].range.end, entry.range.end);
    } else {
      entries[kept++] = entry;
    }
  }
  return kept;
}

}  // namespace

void note_bad_page(mm::Pfn pfn, const char* found_by) {
  const Policy::Masked masked;
  const Held held(lock);
  noted.add(pfn, found_by);
}

void leave_bad_pages(const Booted& machine, const mm::Printer& out) {
  static constinit std::array<uint8_t, loader::kMaxBadPages> content{};
  static constinit Entries entries{};
  static constinit MemoryModules modules;
  {
    const Policy::Masked masked;
    const Held held(lock);
    if (!noted.take_change()) return;
  }
  const loader::Handoff& handoff = machine.kept.handoff();
  const loader::FoundBadPages stored = take_stored(handoff, content);
  modules.read(smbios_of(table_facts(machine)));
  size_t count = 0;
  uint64_t left_out = 0;
  {
    const Policy::Masked masked;
    const Held held(lock);
    count = merge(stored, noted.runs(), modules, entries);
    left_out = noted.left_out();
  }
  const loader::Joined joined =
      loader::join_nearest(std::span(entries).first(count), loader::kMostBadPagesEntries,
                           [](const auto&, const auto&) { return true; });
  const size_t stays = std::min(joined.count, loader::kMostBadPagesEntries);
  left_out += joined.count - stays;
  const auto bytes = std::as_bytes(std::span(entries).first(stays));
  BadPagesHead head;
  head.count = static_cast<uint16_t>(stays);
  if (const auto now = arch::firmware_time(handoff); now.ok()) {
    head.year = now.value().year;
    head.month = now.value().month;
    head.day = now.value().day;
  }
  std::memcpy(content.data() + sizeof head, bytes.data(), bytes.size());
  head.crc = loader::crc32(std::span(content).subspan(sizeof head, bytes.size()));
  std::memcpy(content.data(), &head, sizeof head);
  console().flush();  // writing flash takes its time
  const auto written =
      arch::set_variable(handoff, kVariable, std::span(content).first(sizeof head + bytes.size()));
  if (!written.ok()) {
    const Policy::Masked masked;
    const Held held(lock);
    noted.try_again();
    return out.error("bad pages: not left for the next start", written.error());
  }
  out.line(
      "bad pages: {} ranges left with the firmware; the next start of Baton adds them to "
      "\\baton\\badpages.txt and keeps them from whatever it starts",
      stays);
  if (joined.between != 0) {
    out.line("bad pages: neighbours were joined, with {} KiB between them",
             joined.between / mm::kKiB);
  }
  if (left_out != 0) {
    out.line("bad pages: {} more had no room: a module with so many is to be replaced", left_out);
  }
}

void forget_bad_pages() { noted = {}; }

}  // namespace kernel
