// Someone's log, of any content: what the reader takes from it is what mm can be given.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mm/e820.h"
#include "mm/print.h"
#include "mm/x86_64/e820_trim.h"
#include "tests/fuzz/numa_conserves.h"
#include "tests/fuzz/target.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"

namespace {

using fuzz::check;

void check_entries(const std::vector<mm::E820Entry>& entries) {
  for (const mm::E820Entry& entry : entries) {
    check(!entry.range.empty() && entry.range.end.v <= mm::kMaxPhys);
  }
}

}  // namespace

FUZZ_TARGET(replay) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)replay::known_kind(bytes, replay::lines_of(bytes));
  const replay::Log log = replay::read_log(bytes);
  check((log.boot == 0) == (log.firmware.empty() && log.user.empty()));
  check_entries(log.firmware);
  check_entries(log.user);
  for (const mm::MemoryAffinity& entry : log.srat) check(entry.node < mm::kMaxNodes);

  std::vector<mm::E820Entry> storage(log.room_for_map());
  auto map = log.map(storage);
  check(map.ok());
  for (const mm::Range& trim : log.mtrr_trims) {
    check(map.value().update(trim, mm::E820Type::Ram, mm::E820Type::Reserved).ok());
  }
  const mm::Printer quiet;
  (void)mm::trim_bios_range(map.value(), mm::max_arch_pfn(4), quiet);
  mm::NumaInput numa;
  numa.memory = log.srat;
  numa.named = log.named;
  fuzz::check_numa(numa, map.value());
}
