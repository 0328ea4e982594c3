// The firmware's list, in itself.
#include <algorithm>

#include "tools/replay/diff.h"
#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Phys;
using mm::Range;

constexpr unsigned kMuchPercent = 10;

void find_overlaps(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<E820Entry> entries = replayed.machine().firmware;
  std::stable_sort(entries.begin(), entries.end(), [](const E820Entry& a, const E820Entry& b) {
    return a.range.start < b.range.start;
  });
  std::vector<Range> both;
  std::string example;
  const E820Entry* longest = nullptr;  // that of those before which ends last
  for (const E820Entry& entry : entries) {
    if (longest != nullptr && longest->range.end > entry.range.start &&
        longest->type != entry.type) {
      both.push_back(longest->range.clip(entry.range));
      if (example.empty()) example = said("{} and {}", longest->type, entry.type);
    }
    if (longest == nullptr || entry.range.end > longest->range.end) longest = &entry;
  }
  join(both);
  if (both.empty()) return;
  findings.push_back({.name = "overlap",
                      .text = "The firmware says two things of " + size_words(bytes_of(both)) +
                              " (" + example + "): " + list_of(both) + ". The stricter counts.",
                      .advice = "Report it to the firmware's maker; until then nothing needs to be "
                                "done.",
                      .bytes = bytes_of(both),
                      .where = both});
}

// What it keeps of RAM is what lies between usable ranges, on either side of 4 GiB: above the last
// of them may be devices.
void find_much_reserved(const Replayed& replayed, std::vector<Finding>& findings) {
  const auto entries = replayed.first_e820().entries();
  std::vector<Range> kept;
  uint64_t usable = 0;
  for (const Range side :
       {Range{Phys{mm::kMiB}, Phys{4 * mm::kGiB}}, Range{Phys{4 * mm::kGiB}, Phys{mm::kMaxPhys}}}) {
    Range ram{side.end, side.start};
    for (const E820Entry& entry : entries) {
      if (entry.type != E820Type::Ram || !entry.range.overlaps(side)) continue;
      ram = {std::min(ram.start, entry.range.start), std::max(ram.end, entry.range.end)};
      usable += entry.range.clip(side).size();
    }
    for (const E820Entry& entry : entries) {
      const bool other = entry.type == E820Type::Ram || entry.type == E820Type::Pmem ||
                         entry.type == E820Type::SoftReserved ||
                         entry.type == E820Type::Unaccepted || entry.type == E820Type::Unusable;
      const Range part = entry.range.clip(ram).clip(side);
      if (!other && !part.empty()) kept.push_back(part);
    }
  }
  join(kept);
  const uint64_t bytes = bytes_of(kept);
  if (bytes * 100 <= (usable + bytes) * kMuchPercent) return;
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Range& a, const Range& b) { return a.size() > b.size(); });
  findings.push_back({.name = "firmware-keeps-much",
                      .text = "The firmware keeps " + size_words(bytes) + " between usable RAM, " +
                              said("{}", bytes * 100 / (usable + bytes)) +
                              " % of it; the largest first: " + list_of(kept) + ".",
                      .advice = "Look in the firmware's setup for memory of a graphics adapter, of "
                                "a management engine or of an enclave (UMA frame buffer, SGX, "
                                "TSEG), and make it smaller.",
                      .bytes = bytes,
                      .where = kept});
}

struct TypeWords {
  E820Type type;
  const char* name;
  bool note;
  const char* text;
  const char* advice;
};

constexpr TypeWords kTypes[] = {
    {E820Type::SoftReserved, "soft-reserved", false,
     " are set apart for a purpose (soft reserved: HBM, CXL) and given to nobody: ",
     "daxctl reconfigure-device --mode=system-ram gives them to the kernel as a node of their own; "
     "efi=nosoftreserve makes ordinary RAM of them."},
    {E820Type::Unusable, "unusable", false,
     " are called unusable by the firmware, or by who started the kernel: ",
     "Usually pages known to be bad: test the module (Baton's memtest, memtest86+)."},
    {E820Type::Pmem, "persistent", true, " are persistent memory, no RAM: ",
     "ndctl makes namespaces of it; as RAM by daxctl reconfigure-device --mode=system-ram."},
    {E820Type::Pram, "persistent-legacy", true,
     " are persistent memory of the old kind (type 12): ",
     "memmap=nn!ss says so, or an NVDIMM of before ACPI 6; the driver is nd_e820."},
    {E820Type::Unaccepted, "unaccepted", true, " are not accepted yet by this confidential guest: ",
     "A kernel with CONFIG_UNACCEPTED_MEMORY takes them when it needs them; another one loses "
     "them."},
};

void find_types(const Replayed& replayed, std::vector<Finding>& findings) {
  for (const TypeWords& words : kTypes) {
    std::vector<Range> where;
    for (const E820Entry& entry : replayed.first_e820().entries()) {
      if (entry.type == words.type) where.push_back(entry.range);
    }
    if (where.empty()) continue;
    findings.push_back({.name = words.name,
                        .text = size_words(bytes_of(where)) + words.text + list_of(where) + ".",
                        .advice = words.advice,
                        .note = words.note,
                        .bytes = bytes_of(where),
                        .where = where});
  }
}

// Between two boots of one log.
void find_moved(const Replayed& replayed, std::vector<Finding>& findings) {
  const Machine& machine = replayed.machine();
  if (machine.before.empty() || machine.firmware.empty()) return;
  const std::string change = map_change_of(machine.before, machine.firmware);
  if (change.empty()) return;
  findings.push_back(
      {.name = "map-moved",
       .text = "The firmware's map is another than at the boot before: " + change + ".",
       .advice = "Linux does not wake from hibernation under another map. If nobody "
                 "changed memory or settings between them, report it to the "
                 "firmware's maker; replay --boot=N has each, replay diff all "
                 "changes."});
}

// Entries of RAM that begin or end within a page.
void find_edges(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<Range> where;
  for (const E820Entry& entry : replayed.first_e820().entries()) {
    if (entry.type != E820Type::Ram || entry.range.start < Phys{mm::kMiB}) continue;
    const Range whole = mm::phys(mm::pfns_inside(entry.range));
    if (whole.empty()) {
      where.push_back(entry.range);
      continue;
    }
    if (entry.range.start < whole.start) where.push_back({entry.range.start, whole.start});
    if (whole.end < entry.range.end) where.push_back({whole.end, entry.range.end});
  }
  if (where.empty()) return;
  findings.push_back({.name = "broken-pages",
                      .text = size_words(bytes_of(where)) +
                              " of RAM are no whole pages and lost: " + list_of(where) + ".",
                      .advice = "Nothing needs to be done.",
                      .note = true,
                      .bytes = bytes_of(where),
                      .where = where});
}

}  // namespace

void find_in_firmware_map(const Replayed& replayed, std::vector<Finding>& findings) {
  find_overlaps(replayed, findings);
  find_moved(replayed, findings);
  find_much_reserved(replayed, findings);
  find_types(replayed, findings);
  find_edges(replayed, findings);
}

}  // namespace replay
