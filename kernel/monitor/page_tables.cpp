// A virtual address through the page tables.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/arch.h"
#include "kernel/free_pages.h"
#include "kernel/monitor/arguments.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using mm::Printer;

const char* name_of(arch::Caching caching) {
  using enum arch::Caching;
  switch (caching) {
    case WriteBack:
      return "write-back";
    case WriteThrough:
      return "write-through";
    case WriteCombining:
      return "write-combining";
    case WriteProtected:
      return "write-protected";
    case Uncached:
      return "uncached";
  }
  return "?";
}

void walk_tables(Booted& machine, std::string_view argument, const Printer& out) {
  const auto virt = mm::number_of(argument, 16);
  if (!virt) return refuse(out, "pt", argument, "is no address; write it in hexadecimal");
  const unsigned levels = machine.kept.handoff().paging_levels;
  const auto [tables, top] = arch::table_levels(levels);
  const uint64_t above = *virt >> top;
  if (above != 0 && above != ~uint64_t{0} >> top) {
    return out.line("pt: {:#x} is not canonical: with {} levels bits 63 to {} are all alike", *virt,
                    levels, top);
  }
  const auto mapping = arch::find_mapping(*virt);
  const uint64_t leaf = mapping ? mapping->size : mm::kPageSize;
  for (unsigned level = levels; level-- > 0;) {
    const auto& [name, shift, bits] = tables[level];
    out.line("{} entry {}", name, *virt >> shift & ((uint64_t{1} << bits) - 1));
    if (uint64_t{1} << shift == leaf) break;
  }
  if (!mapping) {
    out.line("{:#x} is not mapped", *virt);
    print_if_free("", *virt, out);
    return;
  }
  out.line("{:#x} -> {:#x} in a page of {} KiB at {:#x}, {}, {}, {}", *virt,
           mapping->phys + (*virt - mapping->virt), mapping->size / mm::kKiB, mapping->phys,
           mapping->writable ? "writable" : "read-only",
           mapping->executable ? "executable" : "not executable", name_of(mapping->caching));
}

constexpr std::array kCommands{
    Command{"pt", "VADDR", "a virtual address through the page tables", walk_tables},
};

}  // namespace

std::span<const Command> page_table_commands() { return kCommands; }

}  // namespace kernel
