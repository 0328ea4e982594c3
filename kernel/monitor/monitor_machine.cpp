#include "kernel/monitor/monitor_machine.h"

#include <algorithm>
#include <array>
#include <optional>

#include "kernel/arch.h"
#include "kernel/bench.h"
#include "kernel/firmware_variables.h"
#include "kernel/leave_report.h"
#include "kernel/memtest/memtest_phase.h"
#include "kernel/screen/qr.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using mm::Printer;

std::string_view take_word(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const size_t length = std::min(text.find(' '), text.size());
  const std::string_view word(text.data(), length);
  text.remove_prefix(length);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return word;
}

// 4096, 64K, 512M, 2G.
std::optional<uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty()) {
    switch (text.back() | 0x20) {
      case 'k':
        shift = 10;
        break;
      case 'm':
        shift = 20;
        break;
      case 'g':
        shift = 30;
        break;
      case 't':
        shift = 40;
        break;
      default:
        break;
    }
  }
  if (shift != 0) text.remove_suffix(1);
  const auto value = mm::number_of(text);
  if (!value || *value == 0 || *value > mm::kMaxPhys >> shift) return std::nullopt;
  return *value << shift;
}

void refuse(const Printer& out, const char* command, std::string_view argument, const char* why) {
  out.line("{}: \"{}\" {}", command, argument, why);
}

// --- Blocks taken by hand ------------------------------------------------------------------------

struct Block {
  mm::Pfn pfn;
  unsigned order = 0;
};

class HeldBlocks {
 public:
  [[nodiscard]] bool full() const { return count_ == blocks_.size(); }
  [[nodiscard]] std::span<const Block> all() const { return {blocks_.data(), count_}; }
  void add(Block block) { blocks_[count_++] = block; }
  std::optional<Block> take(mm::Pfn pfn) {
    for (size_t i = 0; i < count_; ++i) {
      if (blocks_[i].pfn != pfn) continue;
      const Block block = blocks_[i];
      blocks_[i] = blocks_[--count_];
      return block;
    }
    return std::nullopt;
  }

 private:
  std::array<Block, 2048> blocks_{};
  size_t count_ = 0;
};
constinit HeldBlocks held;

constexpr mm::Gfp kMovable = mm::kGfpKernel | mm::kGfpFlagMovable | mm::kGfpFlagNoWarn;

void give_back(Booted& machine, Block block, const Printer& out) {
  const mm::Freed freed = machine.relay.pages().free_pages(kBootCpu, block.pfn, block.order);
  if (!freed.ok()) out.error("free", freed.error());
}

}  // namespace

// --- The machine ---------------------------------------------------------------------------------

void show_cpus(Booted& machine, std::string_view, const Printer& out) {
  arch::print_cpu(out);
  const loader::Madt& madt = machine.tables.madt();
  if (madt.cpus.empty()) out.line("no MADT: one CPU is all that is known");
  for (size_t i = 0; i < madt.cpus.size(); ++i) {
    const loader::MadtCpu& cpu = madt.cpus[i];
    mm::NodeId node = mm::kNoNode;
    for (const loader::CpuAffinity& affinity : machine.tables.srat().cpus) {
      if (affinity.apic_id == cpu.apic_id) node = affinity.node;
    }
    out.part("CPU {}: APIC id {}{}", i, cpu.apic_id, cpu.x2apic ? " (x2APIC)" : "");
    if (node != mm::kNoNode) out.part(", node {}", node);
    out.line("{}{}", cpu.enabled ? "" : ", can be plugged in",
             cpu.apic_id == machine.kept.handoff().processor_id ? ", runs this" : "");
  }
}

void show_srat(Booted& machine, std::string_view, const Printer& out) {
  const loader::Srat& srat = machine.tables.srat();
  if (!srat.used) {
    out.line("no SRAT, or one that is not used: all memory is in node 0");
    return;
  }
  for (const mm::MemoryAffinity& m : srat.memory) {
    out.line("node {} {}{}{}", m.node, mem(m.range), m.hotplug ? " hotplug" : "",
             m.nonvolatile ? " non-volatile" : "");
  }
  for (const loader::CpuAffinity& cpu : srat.cpus)
    out.line("node {} APIC id {}", cpu.node, cpu.apic_id);
  const mm::NodeId nodes = machine.relay.numa().node_count();
  out.line("distances{}", machine.relay.numa().faked ? " (not used)" : "");
  for (mm::NodeId from = 0; from < nodes; ++from) {
    out.part("  node {:2}:", from);
    for (mm::NodeId to = 0; to < nodes; ++to) {
      out.part(" {:3}", machine.tables.distances().between(from, to));
    }
    out.text("\n");
  }
}

namespace {

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

}  // namespace

void walk_tables(Booted& machine, std::string_view argument, const Printer& out) {
  const auto virt = mm::number_of(argument, 16);
  if (!virt) return refuse(out, "pt", argument, "is no address; write it in hexadecimal");
  static constexpr const char* kLevels[] = {"PT", "PD", "PDPT", "PML4", "PML5"};
  const unsigned levels = machine.kept.handoff().paging_levels;
  // The bits above those that the tables translate repeat the highest of them (Intel SDM vol. 1,
  // section 3.3.7.1).
  const unsigned top = levels == 5 ? 56 : 47;
  const uint64_t above = *virt >> top;
  if (above != 0 && above != ~uint64_t{0} >> top) {
    return out.line("pt: {:#x} is not canonical: with {} levels bits 63 to {} are all alike", *virt,
                    levels, top);
  }
  const auto mapping = arch::find_mapping(*virt);
  const uint64_t leaf = mapping ? mapping->size : mm::kPageSize;
  for (unsigned level = levels; level-- > 0;) {
    const unsigned shift = mm::kPageShift + 9 * level;
    out.line("{} entry {}", kLevels[level], *virt >> shift & 511);
    if (uint64_t{1} << shift == leaf) break;
  }
  if (!mapping) {
    out.line("{:#x} is not mapped", *virt);
    return;
  }
  out.line("{:#x} -> {:#x} in a page of {} KiB at {:#x}, {}, {}, {}", *virt,
           mapping->phys + (*virt - mapping->virt), mapping->size / mm::kKiB, mapping->phys,
           mapping->writable ? "writable" : "read-only",
           mapping->executable ? "executable" : "not executable", name_of(mapping->caching));
}

// --- Memory by hand ------------------------------------------------------------------------------

void take_block(Booted& machine, std::string_view argument, const Printer& out) {
  const std::string_view order_word = take_word(argument);
  const auto order = mm::number_of(order_word);
  const auto node = argument.empty() ? std::optional<uint64_t>(0) : mm::number_of(argument);
  if (!order || *order >= mm::kOrders) {
    return refuse(out, "alloc", order_word, "is no order; there are 0 to 18");
  }
  if (!node || *node >= machine.relay.pages().node_count()) {
    return refuse(out, "alloc", argument, "is no node of this machine");
  }
  if (held.full()) return out.line("alloc: too many blocks are held; free some");
  const auto got = machine.relay.pages().alloc_pages(
      kBootCpu, kMovable, static_cast<unsigned>(*order), static_cast<mm::NodeId>(*node));
  if (!got) return out.error("alloc", got.error());
  held.add({got.value(), static_cast<unsigned>(*order)});
  out.line("{}, order {}; `free {}` gives it back", mm::phys(got.value()), *order,
           mm::phys(got.value()));
}

void hold_memory(Booted& machine, std::string_view argument, const Printer& out) {
  if (argument.empty()) {
    uint64_t pages = 0;
    for (const Block& block : held.all()) pages += uint64_t{1} << block.order;
    out.line("{} blocks, {} KiB are held", held.all().size(), pages * 4);
    return;
  }
  const auto size = parse_size(argument);
  if (!size) return refuse(out, "hold", argument, "is no size; write 64K, 512M or 2G");
  const uint64_t wanted = (*size + mm::kPageSize - 1) / mm::kPageSize;
  uint64_t got = 0;
  unsigned order = mm::kOrders - 1;
  while (got < wanted && !held.full()) {
    while (order > 0 && uint64_t{1} << order > wanted - got) --order;
    const auto block = machine.relay.pages().alloc_pages(kBootCpu, kMovable, order, mm::NodeId{0});
    if (block) {
      held.add({block.value(), order});
      got += uint64_t{1} << order;
    } else if (order-- == 0) {
      break;
    }
  }
  out.line("{} KiB of {} KiB are held{}", got * 4, wanted * 4,
           got == wanted ? ""
           : held.full() ? ": too many blocks"
                         : ": no more is to be had");
}

void free_block(Booted& machine, std::string_view argument, const Printer& out) {
  if (argument == "all") {
    size_t count = 0;
    for (; !held.all().empty(); ++count) {
      give_back(machine, *held.take(held.all().back().pfn), out);
    }
    out.line("{} blocks given back", count);
    return;
  }
  const auto address = mm::number_of(argument, 16);
  if (!address) return refuse(out, "free", argument, "is no address in hexadecimal, nor all");
  if (mm::Phys{*address} >= machine.end_of_space) {
    return refuse(out, "free", argument, "is beyond the CPU's physical address space");
  }
  const auto block = held.take(mm::pfn_down(mm::Phys{*address}));
  if (!block || *address % mm::kPageSize != 0) {
    if (block) held.add(*block);
    return refuse(out, "free", argument, "is not the start of a block taken by alloc or hold");
  }
  give_back(machine, *block, out);
  out.line("{}, order {}, is free", mm::phys(block->pfn), block->order);
}

void test_memory(Booted& machine, std::string_view argument, const Printer& out) {
  const auto options = parse_memtest(argument, machine.relay.pages().node_count(), out);
  if (!options) return;
  start_memtest(machine, *options);
  for (size_t i = 0; i < kMemoryPatterns.size(); ++i) {
    const Verdict verdict = run_memtest(i, machine);
    if (verdict.outcome() == loader::Outcome::Skip) continue;
    out.line("{} {} {}", verdict.passed() ? "ok" : "not ok", kMemoryPatterns[i].row.id,
             verdict.facts());
  }
  finish_memtest(machine);
}

void measure(Booted& machine, std::string_view, const Printer& out) {
  bench_start(machine, out);
  bench_allocator(machine, out);
}

// --- What outlives the run -----------------------------------------------------------------------

namespace {

// The summary's, when it can be made.
constinit QrCode code;
constexpr Colour kInk{208, 212, 220};
bool encode_summary(const Printer& out) {
  const auto encoded = code.encode(summary_of_log());
  if (!encoded.ok()) out.error("QR code", encoded.error());
  return encoded.ok();
}

}  // namespace

void print_qr_code(const Printer& out) {
  if (encode_summary(out)) code.print(out);
}

bool draw_qr_code(std::string_view line, const Printer& out) {
  if (!screen().is_open() || !encode_summary(out)) return false;
  const Framebuffer& framebuffer = screen().framebuffer();
  const uint32_t modules = code.side() + 8;
  const uint32_t room = std::min(framebuffer.width(), framebuffer.height());
  const uint32_t scale = room * 9 / 10 / modules;
  // With fewer than three pixels a module no camera reads it.
  if (scale < 3) {
    out.line("the screen is too small for a QR code of {} modules", modules);
    return false;
  }
  const uint32_t side = modules * scale;
  framebuffer.fill(framebuffer.box(), kPaper);
  code.draw(framebuffer, (framebuffer.width() - side) / 2, (framebuffer.height() - side) / 2,
            scale);
  const Font& font = *typeface_for(framebuffer.width(), framebuffer.height()).regular;
  framebuffer.text(font.width, 0, font, line, kInk, kPaper, framebuffer.width());
  return true;
}

void report_run(Booted& machine, std::string_view, const Printer& out) {
  out.text(summary_of_log());
  leave_report(machine, out);
}

void enter_setup(Booted& machine, std::string_view, const Printer& out) {
  // UEFI 2.10 section 8.5.4: EFI_GLOBAL_VARIABLE, EFI_OS_INDICATIONS_BOOT_TO_FW_UI.
  constexpr std::array<uint8_t, 16> kGlobal{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                            0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
  constexpr VariableName kSupported{u"OsIndicationsSupported", kGlobal, "OsIndicationsSupported"};
  constexpr VariableName kIndications{u"OsIndications", kGlobal, "OsIndications"};
  constexpr uint8_t kBootToSetup = 1;
  const loader::Handoff& handoff = machine.kept.handoff();
  std::array<uint8_t, 8> bits{};
  const auto supported = arch::get_variable(handoff, kSupported, bits);
  if (!supported.ok()) return out.error("firmware", supported.error());
  if (!supported.value() || (bits[0] & kBootToSetup) == 0) {
    return out.line("firmware: this firmware does not let itself be asked for its setup");
  }
  bits = {};
  if (const auto now = arch::get_variable(handoff, kIndications, bits); !now.ok()) {
    return out.error("firmware", now.error());
  }
  bits[0] |= kBootToSetup;
  if (const auto set = arch::set_variable(handoff, kIndications, bits); !set.ok()) {
    return out.error("firmware", set.error());
  }
  out.line("rebooting into the firmware's setup");
  arch::reboot();
}

}  // namespace kernel
