#include "mm/unreachable.h"

#include <algorithm>

namespace mm {

Result<Trims> trim_unreachable(E820Table& e820, const TrimFacts& facts, const Printer& out) {
  Trims trims;
  const Range beyond{std::min(facts.reach, phys(facts.max_pfn)), Phys{kMaxPhys}};
  uint64_t ram = 0;
  for (const E820Entry& entry : e820.entries()) {
    if (entry.type == E820Type::Ram) ram += entry.range.clip(beyond).size();
  }
  if (ram == 0) return trims;
  out.line("e820: remove {:08x} usable", mem(beyond));
  ram = BATON_TRY(e820.remove(beyond, E820Type::Ram));
  BATON_TRY(trims.add(kUnreachable, ram));
  return trims;
}

}  // namespace mm
