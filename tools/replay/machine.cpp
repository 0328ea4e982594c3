#include "tools/replay/machine.h"

#include <algorithm>

namespace replay {

using mm::E820Entry;
using mm::E820Type;

size_t Machine::room_for_map() const {
  return mm::E820Table::capacity_for(firmware.size() + 2 * user.size() + 8);
}

bool Machine::user_is_whole() const {
  return std::any_of(user.begin(), user.end(),
                     [](const E820Entry& entry) { return entry.type == E820Type::Ram; });
}

std::vector<E820Entry> Machine::said() const {
  std::vector<E820Entry> entries;
  if (!user_is_whole()) entries = firmware;
  entries.insert(entries.end(), user.begin(), user.end());
  return entries;
}

mm::Result<mm::E820Table> Machine::map(std::span<E820Entry> storage) const {
  mm::E820Table table(storage);
  if (!user_is_whole()) {
    mm::E820Batch batch(table);
    for (const E820Entry& entry : firmware) BATON_TRY(batch.append(entry.range, entry.type));
    batch.finish();
  }
  for (const E820Entry& entry : user) {
    BATON_TRY(table.remove(entry.range));
    BATON_TRY(table.append(entry.range, entry.type));
  }
  return table;
}

// A PC; of page tables it has as many levels as the end of addresses that the input names.
mm::Platform Machine::platform() const {
  if (kind == MachineKind::Arm64) return mm::aarch64_platform();
  if (kind == MachineKind::Arm)
    return mm::arm_platform(end_of_low.value_or(mm::Phys{mm::kMaxPhys}));
  const auto with = [&](unsigned levels) {
    return end_of_low ? mm::ia32_platform(*end_of_low, levels) : mm::x86_64_platform(levels);
  };
  const mm::Platform four = with(4);
  return end_of_reach && mm::pfn_down(*end_of_reach) > four.max_pfn ? with(5) : four;
}

}  // namespace replay
