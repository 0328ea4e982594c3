#include "tools/replay/what_if.h"

#include <algorithm>

#include "mm/early_res.h"
#include "mm/size_text.h"
#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"
#include "tools/replay/say.h"

namespace replay {

using mm::Error;
using mm::Phys;
using mm::Range;

mm::Result<CrashKernel> parse_crashkernel(std::string_view text) {
  CrashKernel wanted;
  wanted.bytes = BATON_TRY(mm::take_size(text, "--crashkernel"));
  wanted.high = text == ",high";
  if (wanted.bytes == 0) return Error{"is nothing", "--crashkernel"};
  if (wanted.bytes > mm::kMaxPhys)
    return Error{"is more than there are addresses", "--crashkernel"};
  if (!text.empty() && !wanted.high) {
    return Error{"is a size, perhaps with \",high\" behind it", "--crashkernel"};
  }
  return wanted;
}

mm::Result<NamedRange> parse_reservation(std::string_view text) {
  constexpr size_t kMostName = sizeof(mm::Reservation::name) - 1;
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals > kMostName) {
    return Error{"is NAME=size@addr, the name {} characters at most", "--reserve", kMostName};
  }
  NamedRange found{{}, std::string(text.substr(0, equals))};
  text.remove_prefix(equals + 1);
  const uint64_t bytes = BATON_TRY(mm::take_size(text, "--reserve"));
  if (!text.starts_with("@")) return Error{"is NAME=size@addr", "--reserve"};
  text.remove_prefix(1);
  const uint64_t start = BATON_TRY(mm::take_size(text, "--reserve"));
  if (!text.empty()) return Error{"is NAME=size@addr", "--reserve"};
  if (bytes == 0 || start >= mm::kMaxPhys || bytes > mm::kMaxPhys - start) {
    return Error{"is nothing, or ends above 2^52 (size {:#x}, at {:#x})", "--reserve", bytes,
                 start};
  }
  found.range = {Phys{start}, Phys{start + bytes}};
  return found;
}

mm::Result<> add_dimm(std::string_view text, Machine& machine) {
  const uint64_t bytes = BATON_TRY(mm::take_size(text, "--add-dimm"));
  uint64_t node = 0;
  if (text.starts_with("@")) {
    text.remove_prefix(1);
    node = BATON_TRY(mm::take_number(text, "--add-dimm"));
  }
  if (!text.empty()) return Error{"is SIZE, or SIZE@NODE", "--add-dimm"};
  if (node >= mm::kMaxNodes) return Error{"has a node that is too large ({})", "--add-dimm", node};
  // Above RAM; what is reserved high up stays where it is, so it goes above that which is in the way.
  Phys start{4 * mm::kGiB};
  for (const mm::E820Entry& entry : machine.firmware) {
    if (entry.type == mm::E820Type::Ram) start = std::max(start, entry.range.end);
  }
  start = mm::align_up(start, mm::kGiB);
  const auto limit = mm::phys(machine.platform().max_pfn);
  if (bytes == 0 || bytes > limit.v || start > limit - bytes) {
    return Error{"does not fit below {:#x} (RAM ends at {:#x})", "--add-dimm", limit.v, start.v};
  }
  const Range range{start, start + bytes};
  for (const mm::E820Entry& entry : machine.firmware) {
    if (entry.range.overlaps(range)) {
      return Error{"has no place: at {:#x} there is something else", "--add-dimm",
                   std::max(entry.range.start, start).v};
    }
  }
  machine.firmware.push_back({range, mm::E820Type::Ram});
  const auto id = static_cast<mm::NodeId>(node);
  if (machine.srat.empty() && id == 0) return {};  // a machine without nodes stays so
  if (machine.srat.empty()) {
    return Error{"has a node ({}), and the machine has no SRAT", "--add-dimm", node};
  }
  machine.srat.push_back({.node = id, .range = range});
  machine.named.set(id);
  return {};
}

namespace {

// arch/x86/kernel/setup.c, Linux 6.1: of RAM that nothing is reserved in, from the top down.
constexpr uint64_t kCrashAlign = 16 * mm::kMiB;
constexpr Phys kCrashLowEnd{4 * mm::kGiB};
constexpr Phys kCrashHighEnd{64 * mm::kTiB};

mm::Result<Phys> crash_place(const Replayed& replayed, Range bounds, uint64_t bytes) {
  return mm::find_e820_area_top(replayed.relay().e820(), replayed.reserved_first(), bounds, bytes,
                                kCrashAlign);
}

std::string largest_free(const Replayed& replayed, Range bounds) {
  Range largest;
  mm::for_each_free_range(replayed.relay().e820(), replayed.reserved_first().entries(), bounds,
                          [&](Range range) {
                            if (range.size() > largest.size()) largest = range;
                            return true;
                          });
  return largest.empty() ? "there is no RAM"
                         : "the largest stretch is " + size_words(largest.size()) + ", " +
                               list_of(std::span(&largest, 1));
}

}  // namespace

std::string crashkernel_text(const Replayed& replayed, const CrashKernel& wanted) {
  const Range low{Phys{mm::kMiB}, kCrashLowEnd};
  const Range high{kCrashLowEnd, kCrashHighEnd};
  auto place = wanted.high ? crash_place(replayed, high, wanted.bytes)
                           : crash_place(replayed, low, wanted.bytes);
  // Each falls back to the other's place (high: as before there was a high one).
  if (!place.ok()) {
    place = crash_place(replayed, wanted.high ? low : high, wanted.bytes);
  }
  std::string text =
      "crashkernel=" + size_words(wanted.bytes) + (wanted.high ? ",high" : "") + ": ";
  if (!place.ok()) {
    return text + "fits nowhere. Below 4 GiB " + largest_free(replayed, low) + "; above it " +
           largest_free(replayed, high) + ".\n";
  }
  const Range range{place.value(), place.value() + wanted.bytes};
  text += said("{:08x}", mm::mem(range)) + "\n";
  if (range.start < kCrashLowEnd) return text;
  // With memory above 4 GiB alone nothing could do 32-bit DMA.
  constexpr uint64_t kLow = 256 * mm::kMiB;
  const auto beside = crash_place(replayed, low, kLow);
  if (!beside.ok()) {
    return text + "  and the 256 MiB below 4 GiB that go with it fit nowhere: " +
           largest_free(replayed, low) + ".\n";
  }
  return text + "  and 256 MiB below 4 GiB: " +
         said("{:08x}", mm::mem(Range{beside.value(), beside.value() + kLow})) + "\n";
}

std::string hugepages_text(const Replayed& replayed, uint64_t wanted) {
  std::vector<uint64_t> whole(replayed.relay().layout().nodes.size());
  replayed.pages().for_each_free_block([&](const mm::FreeBlock& block) {
    if (block.order == mm::kOrders - 1) ++whole[block.node];
    return true;
  });
  uint64_t all = 0;
  std::string text;
  for (const mm::NodeLayout& node : replayed.relay().layout().nodes) {
    if (node.present == 0) continue;
    all += whole[node.id];
    text += said("  node {}: {} whole GiB are free, of ", node.id, whole[node.id]) +
            size_words(node.present * mm::kPageSize) + "\n";
  }
  return said("hugepagesz=1G hugepages={}: ", wanted) +
         (wanted <= all ? "they are there" : said("only {} are there", all)) + "\n" + text;
}

std::string bad_pages_text(const Replayed& replayed, const std::vector<Phys>& pages) {
  std::string text;
  std::string option;
  for (const Phys page : pages) {
    text += explain_text(replayed, page);
    option += (option.empty() ? "memmap=" : ",") +
              said("4K${:#x}", mm::align_down(page, mm::kPageSize).v);
  }
  return text + "To keep them from use: " + option + "\n";
}

}  // namespace replay
