// Memory by hand: blocks that are taken are remembered, until they are given back.
#include "kernel/monitor/commands.h"

#include <array>
#include <optional>

#include "kernel/frames.h"
#include "kernel/monitor/arguments.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using mm::Printer;

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
  const mm::Freed freed = give_frames(machine, block.pfn, block.order);
  if (!freed.ok()) out.error("free", freed.error());
}

// All of the text as a size, such as 4096, 64K or 0x2G.
std::optional<uint64_t> size_of(std::string_view text) {
  const auto size = mm::take_size(text, "hold");
  if (!size.ok() || !text.empty() || size.value() == 0 || size.value() > mm::kMaxPhys) {
    return std::nullopt;
  }
  return size.value();
}

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
  const auto got =
      take_frames(machine, kMovable, static_cast<unsigned>(*order), static_cast<mm::NodeId>(*node));
  if (!got) {
    out.error("alloc", got.error());
    const auto high =
        machine.relay.pages().zone_counts(static_cast<mm::NodeId>(*node), mm::ZoneType::HighMem);
    if (high.free == 0) return;
    return out.line(
        "alloc: {} KiB of highmem are free, but only memory that has addresses is taken",
        high.free * (mm::kPageSize / mm::kKiB));
  }
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
  const auto size = size_of(argument);
  if (!size) return refuse(out, "hold", argument, "is no size; write 64K, 512M or 2G");
  const uint64_t wanted = (*size + mm::kPageSize - 1) / mm::kPageSize;
  uint64_t got = 0;
  unsigned order = mm::kOrders - 1;
  while (got < wanted && !held.full()) {
    while (order > 0 && uint64_t{1} << order > wanted - got) --order;
    const auto block = take_frames(machine, kMovable, order);
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

constexpr std::array kCommands{
    Command{"alloc", "ORDER [NODE]", "take a block of 2^ORDER pages", take_block},
    Command{"hold", "[SIZE]", "take memory, sized as for mem=; or say how much is held",
            hold_memory},
    Command{"free", "ADDR|all", "give back what alloc and hold took", free_block},
};

}  // namespace

std::span<const Command> held_block_commands() { return kCommands; }

}  // namespace kernel
