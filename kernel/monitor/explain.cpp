// What a physical address is, and who has it.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/monitor/arguments.h"
#include "mm/show.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using mm::FrameOwner;
using mm::FrameUse;
using mm::Printer;

void print_range(const Printer& out, mm::Range range) { out.line("{}", mem(range)); }

void explain_firmware(const FirmwareMap& map, mm::Phys address, const Printer& out) {
  const auto found = map.find(address);
  if (!found) {
    out.line("  firmware:    not in its map");
    return;
  }
  if (loader::efi_type_name(found->type) != nullptr) {
    out.part("  firmware:    {}, attributes {:#x} ", found->type, found->attributes);
  } else {
    out.part("  firmware:    type {}, attributes {:#x} ", static_cast<uint32_t>(found->type),
             found->attributes);
  }
  print_range(out, found->range);
}

void explain_e820(const mm::E820Table& e820, mm::Phys address, const Printer& out) {
  const mm::E820Entry* entry = e820.find(address);
  if (entry == nullptr) {
    out.line("  e820:        a gap");
    return;
  }
  out.part("  e820:        {} ", entry->type);
  print_range(out, entry->range);
}

void explain_frame(const mm::PageAllocatorCore& pages, mm::Pfn pfn, const Printer& out) {
  const FrameOwner owner = pages.owner_of(pfn);
  if (owner.use != FrameUse::NoNode) {
    out.line("  node:        {}", owner.node);
    if (owner.in_zone) out.line("  zone:        {}", owner.zone);
    const mm::Pfn pageblock = mm::align_down(pfn, mm::kPageblockFrames);
    out.line("  pageblock:   {}, {}", pageblock, mm::migratetype_name(owner.migratetype));
  }
  out.part("  frame {}: {}", pfn, mm::words_of(owner.use));
  const bool in_block = owner.use == FrameUse::Free || owner.use == FrameUse::OnCpuList ||
                        owner.use == FrameUse::Allocated;
  if (in_block) out.part(", in the block of order {} at frame {}", owner.order, owner.block);
  if (owner.use == FrameUse::OnCpuList) out.part(", CPU {}", owner.cpu);
  if (owner.use == FrameUse::Allocated) out.part(", references {}", owner.references);
  out.text("\n");
}

// The firmware's type, the e820 type, reservation, node, zone, pageblock and block, a line each.
void explain(const Booted& machine, mm::Phys address, const Printer& out) {
  out.line("{}:", address);
  if (address >= machine.end_of_space) {
    out.line("  beyond the CPU's physical address space, which ends at {}", machine.end_of_space);
    return;
  }
  explain_firmware(machine.firmware_map, address, out);
  explain_e820(machine.relay.e820(), address, out);
  if (const mm::Reservation* r = machine.relay.reservations().find(address); r != nullptr) {
    out.part("  reservation: {} ", r->name);
    print_range(out, r->range);
  } else {
    out.line("  reservation: none");
  }
  explain_frame(machine.relay.pages(), mm::pfn_down(address), out);
}

void explain_address(Booted& machine, std::string_view argument, const Printer& out) {
  const auto address = mm::number_of(argument, 16);
  if (!address) {
    return refuse(out, "explain", argument,
                  "is no address; write it in hexadecimal, as explain 0x100000");
  }
  explain(machine, mm::Phys{*address}, out);
}

constexpr std::array kCommands{
    Command{"explain", "ADDR", "what a physical address is and who has it", explain_address},
};

}  // namespace

std::span<const Command> explain_command() { return kCommands; }

}  // namespace kernel
