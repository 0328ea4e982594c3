// RAM that the firmware calls usable and that is not used.
#include <algorithm>
#include <span>
#include <string_view>

#include "tools/replay/compare.h"
#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Range;

std::vector<Range> taken_as(const Replayed& replayed, std::string_view why) {
  std::vector<Range> ranges;
  for (const Taken& taken : replayed.taken()) {
    if (taken.why == why) ranges.push_back(taken.range);
  }
  join(ranges);
  return ranges;
}

void find_mtrr(const Replayed& replayed, std::vector<Finding>& findings) {
  const auto lost = taken_as(replayed, kMtrr);
  if (lost.empty()) return;
  const uint64_t bytes = bytes_of(lost);
  findings.push_back(
      {.name = "mtrr-uncovered",
       .text = size_words(bytes) + " of RAM are not used, because no MTRR makes them write-back: " +
               list_of(lost) + ".",
       .advice = "Update the firmware, or look in its setup for memory remapping and the size of "
                 "the graphics aperture. Linux can lay the MTRRs out anew: enable_mtrr_cleanup. "
                 "With disable_mtrr_trim it uses this memory uncached, which is very slow.",
       .bytes = bytes,
       .where = lost});
}

void find_32_bit(const Replayed& replayed, std::vector<Finding>& findings) {
  const Machine& machine = replayed.machine();
  if (!machine.end_of_low) return;
  const auto lost = taken_as(replayed, kAbove32Bits);
  if (!lost.empty()) {
    findings.push_back(
        {.name = "32-bit-kernel",
         .text = size_words(bytes_of(lost)) +
                 " of RAM lie above what this 32-bit kernel can address: " + list_of(lost) + ".",
         .advice = "Run a 64-bit kernel, or one with PAE (686-pae).",
         .bytes = bytes_of(lost),
         .where = lost});
    return;
  }
  const mm::Phys end = mm::phys(replayed.relay().e820().last_pfn());
  if (end <= *machine.end_of_low) return;
  const Range high{*machine.end_of_low, end};
  uint64_t bytes = 0;
  for (const E820Entry& entry : replayed.relay().e820().entries()) {
    if (entry.type == E820Type::Ram) bytes += entry.range.clip(high).size();
  }
  findings.push_back({.name = "32-bit-kernel",
                      .text = "A 32-bit kernel: " + size_words(bytes) +
                              " of RAM are HighMem, which its own data cannot use.",
                      .advice = "Run a 64-bit kernel, where the CPU has long mode.",
                      .note = true,
                      .bytes = bytes,
                      .where = {high}});
}

void find_no_highmem(const Replayed& replayed, std::vector<Finding>& findings) {
  const auto lost = taken_as(replayed, kNoHighMem);
  if (lost.empty()) return;
  findings.push_back(
      {.name = "no-highmem",
       .text = size_words(bytes_of(lost)) +
               " of RAM are not used, because they lie above lowmem and this kernel has no "
               "highmem: " +
               list_of(lost) + ".",
       .advice = "Build it with CONFIG_HIGHMEM, or with more room for lowmem (CONFIG_VMSPLIT_2G, a "
                 "smaller vmalloc=).",
       .bytes = bytes_of(lost),
       .where = lost});
}

void find_unreachable(const Replayed& replayed, std::vector<Finding>& findings) {
  const mm::Phys end = mm::phys(replayed.relay().platform().max_pfn);
  std::vector<Range> lost;
  for (const E820Entry& entry : replayed.first_e820().entries()) {
    const Range above = entry.range.clip({end, mm::Phys{mm::kMaxPhys}});
    if (entry.type == E820Type::Ram && !above.empty()) lost.push_back(above);
  }
  if (lost.empty()) return;
  findings.push_back({.name = "ram-out-of-reach",
                      .text = size_words(bytes_of(lost)) +
                              " of RAM lie above what the page tables can map (" +
                              said("{:#x}", end.v) + "): " + list_of(lost) + ".",
                      .advice = "Run a kernel with five levels of page tables (LA57) on a CPU that "
                                "has them, or let the firmware place memory lower.",
                      .bytes = bytes_of(lost),
                      .where = lost});
}

// Of the firmware's RAM what the user's list (mem=, memmap=) leaves out.
void find_left_behind(const Replayed& replayed, std::vector<Finding>& findings) {
  const Machine& machine = replayed.machine();
  if (machine.user.empty() || machine.firmware.empty()) return;
  std::vector<Range> had;
  for (const E820Entry& entry : machine.firmware) {
    if (entry.type == E820Type::Ram) had.push_back(entry.range);
  }
  join(had);
  std::vector<Range> lost;
  for (const Range& range : had) subtract_ram(range, replayed.first_e820(), lost);
  if (lost.empty()) return;
  const uint64_t bytes = bytes_of(lost);
  findings.push_back(
      {.name = "left-by-option",
       .text = size_words(bytes) +
               " of the firmware's RAM are not used, because the command line says so (mem=, "
               "memmap=): " +
               list_of(lost) + ".",
       .advice = "If nobody meant it, take the option out of the kernel's command line "
                 "(/proc/cmdline shows it). A kernel that kexec started for a crash dump is "
                 "given its small part this way.",
       .bytes = bytes,
       .where = lost});
}

// Of such a list, which has a heading, the first line; and how many more there are.
std::string first_of(const std::string& list) {
  const size_t start = list.find("\n  ") + 3;
  const size_t end = list.find('\n', start);
  const auto more = std::count(list.begin() + static_cast<ptrdiff_t>(end) + 1, list.end(), '\n');
  std::string text = list.substr(start, end - start);
  if (more != 0)
    text += said(", and {} more that are listed at the end", static_cast<size_t>(more));
  return text + ".";
}

// Where the input tells what Linux made of the machine, and that is something else.
void find_differences(const Replayed& replayed, std::vector<Finding>& findings) {
  const std::string text = differences(replayed.machine().linux_made, replayed.relay());
  if (text.empty()) return;
  findings.push_back(
      {.name = "differs-from-linux",
       .text = "Linux made something else of this machine than this replay: " + first_of(text),
       .advice = explained(replayed.machine().linux_made)});
}

}  // namespace

void subtract_ram(Range range, const mm::E820Table& map, std::vector<Range>& rest) {
  mm::Phys at = range.start;
  const auto entries = map.entries();
  const auto first = std::upper_bound(
      entries.begin(), entries.end(), at,
      [](mm::Phys address, const E820Entry& entry) { return address < entry.range.end; });
  for (const E820Entry& entry : std::span(first, entries.end())) {
    if (entry.type != E820Type::Ram) continue;
    if (entry.range.start >= range.end) break;
    if (entry.range.start > at) rest.push_back({at, entry.range.start});
    at = entry.range.end;
  }
  if (at < range.end) rest.push_back({at, range.end});
}

void find_in_taken(const Replayed& replayed, std::vector<Finding>& findings) {
  find_mtrr(replayed, findings);
  find_32_bit(replayed, findings);
  find_no_highmem(replayed, findings);
  find_unreachable(replayed, findings);
  find_left_behind(replayed, findings);
  find_differences(replayed, findings);
}

}  // namespace replay
