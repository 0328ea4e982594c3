#include "kernel/arm/zero_page.h"

#include "kernel/arm/tables.h"

namespace kernel::arm {
namespace {

struct ZeroPage {
  uint32_t virt = 0;  // 0: none is mapped
  mm::Phys copy;
  bool copied = false;
};
constinit ZeroPage mapped;

}  // namespace

bool map_zero_page(uint32_t virt, mm::Phys zero, mm::Phys copy, mm::Phys table) {
  if (mapped.virt != 0 || find_place(virt).entry != nullptr) return false;
  if (!map_small_page(virt, zero, kConstants, [table] { return table; })) return false;
  mapped = {virt, copy, false};
  return true;
}

bool zero_page_was_copied() { return mapped.copied; }

void unmap_zero_page(mm::Phys table) {
  change(find_place(mapped.virt), mapped.virt, 0);
  unlink_tables(mapped.virt, table);
  mapped = {};
}

// What the page held, all of it zero, is what the copy holds.
bool copy_zero_page(uint32_t address) {
  if (mapped.virt == 0 || mapped.copied || address - mapped.virt >= mm::kPageSize) return false;
  change(find_place(mapped.virt), mapped.virt,
         mm::arm::small_page(mapped.copy, mm::arm::kWriteAllocate, kData));
  mapped.copied = true;
  return true;
}

}  // namespace kernel::arm
