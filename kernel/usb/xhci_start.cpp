// From a controller as the firmware left it to one that runs, and back (xHCI 1.2, section 4.2).
#include <algorithm>

#include "kernel/usb/xhci.h"

namespace kernel::usb {
namespace {

using namespace xhci;  // NOLINT: all of it is about those

constexpr uint64_t kSecond = 1'000'000;
constexpr uint32_t kOnes = 0xffff'ffff;
constexpr unsigned kEventCount = 256, kCommandCount = 64;
constexpr unsigned kMostExtended = 64;
// In the page of tables: the device context base address array, the commands' ring, and the one
// entry of the event ring segment table.
constexpr uint64_t kCommandsAt = 2048, kSegmentsAt = 3072;
static_assert(kCommandsAt + kCommandCount * kTrbBytes <= kSegmentsAt);

unsigned order_of(uint64_t bytes) {
  unsigned order = 0;
  while (mm::kPageSize << order < bytes) ++order;
  return order;
}

}  // namespace

void Xhci::set_wide(uint32_t at, mm::Phys value) const {
  hw_.write(hw_.context, at, static_cast<uint32_t>(value.v));
  hw_.write(hw_.context, at + 4, static_cast<uint32_t>(value.v >> 32));
}

mm::Result<> Xhci::find_registers() {
  if (hw_.size < 0x20) return mm::Error{"too few registers (bytes {})", "xHCI", hw_.size};
  // A controller that was asleep takes a moment.
  uint32_t first = kOnes;
  (void)hw_.wait(kSecond / 10, [&] {
    first = hw_.read(hw_.context, kCapLength);
    return first != kOnes && first != 0;
  });
  if (first == kOnes || first == 0) {
    return mm::Error{"its registers do not answer ({:#x})", "xHCI", first};
  }
  const uint32_t structure = hw_.read(hw_.context, kStructure1);
  base_ = first & 0xff;
  ports_ = structure >> 24;
  slots_ = std::min<unsigned>(structure & 0xff, kMostSlots);
  capability_ = hw_.read(hw_.context, kCapability1);
  runtime_ = hw_.read(hw_.context, kRuntimeOffset) & ~uint32_t{31};
  doorbells_ = hw_.read(hw_.context, kDoorbellOffset) & ~uint32_t{3};
  context_bytes_ = (capability_ & kWideContexts) != 0 ? 64 : 32;
  const uint64_t ends[] = {uint64_t{base_} + kPorts + uint64_t{ports_} * kPortStride,
                           uint64_t{runtime_} + 0x40,
                           uint64_t{doorbells_} + uint64_t{4} * (slots_ + 1)};
  for (const uint64_t end : ends) {
    if (end <= hw_.size) continue;
    return mm::Error{"registers beyond its range (to {:#x} of {:#x})", "xHCI", end, hw_.size};
  }
  if (base_ < 0x20 || base_ % 4 != 0 || ports_ == 0 || slots_ == 0) {
    return mm::Error{"its registers make no sense ({:#x}, {:#x})", "xHCI", first, structure};
  }
  return {};
}

// Section 7.1: the firmware lets go, or has a second to do so. Its interrupts are off afterwards in
// either case, as nobody is there any more to whom they lead.
void Xhci::take_from_firmware() const {
  uint32_t at = (capability_ >> 16) * 4;
  for (unsigned i = 0; i < kMostExtended && at >= 0x20 && uint64_t{at} + 8 <= hw_.size; ++i) {
    const uint32_t head = hw_.read(hw_.context, at);
    if ((head & 0xff) == kLegacySupport) {
      hw_.write(hw_.context, at, head | kSystemOwns);
      (void)hw_.wait(kSecond, [&] { return (hw_.read(hw_.context, at) & kFirmwareOwns) == 0; });
      hw_.write(hw_.context, at, (hw_.read(hw_.context, at) & ~kFirmwareOwns) | kSystemOwns);
      const uint32_t control = hw_.read(hw_.context, at + 4);
      hw_.write(hw_.context, at + 4, (control & ~kSmiEnables) | kSmiEvents);
      return;
    }
    const uint32_t next = head >> 8 & 0xff;
    if (next == 0) return;
    at += next * 4;
  }
}

bool Xhci::halt() const {
  set_operational(kCommand, operational(kCommand) & ~kRun);
  return hw_.wait(kSecond / 10, [&] { return (operational(kStatus) & kHalted) != 0; });
}

mm::Result<> Xhci::reset() {
  const auto ready = [&] { return (operational(kStatus) & kNotReady) == 0; };
  if (!hw_.wait(kSecond, ready)) {
    return mm::Error{"does not become ready (status {:#x})", "xHCI", operational(kStatus)};
  }
  if (!halt()) {
    return mm::Error{"does not halt (status {:#x})", "xHCI", operational(kStatus)};
  }
  set_operational(kCommand, kReset);
  hw_.sleep(1000);  // some answer nothing sensible before
  const auto done = [&] { return (operational(kCommand) & kReset) == 0 && ready(); };
  if (!hw_.wait(kSecond, done)) {
    return mm::Error{"its reset does not end (command {:#x}, status {:#x})", "xHCI",
                     operational(kCommand), operational(kStatus)};
  }
  return {};
}

mm::Result<mm::Phys> Xhci::take_block(Block& block, unsigned order) {
  const bool low = (capability_ & kWideAddresses) == 0;
  const mm::PagesOr got = hw_.take(hw_.context, order, low);
  if (!got) return got.error();
  block = {mm::phys(got.value()), order, true};
  pages_held_ += 1u << order;
  if (low && (block.at + (mm::kPageSize << order)).v > uint64_t{1} << 32) {
    give_block(block);
    return mm::Error{"no memory below 4 GiB, and it reaches no other", "xHCI"};
  }
  return block.at;
}

void Xhci::give_block(Block& block) {
  if (!block.taken) return;
  hw_.give(hw_.context, mm::pfn_down(block.at), block.order);
  pages_held_ -= 1u << block.order;
  block = {};
}

mm::Result<mm::Phys> Xhci::take_page() {
  Block block;
  return take_block(block, 0);
}

void Xhci::give_page(mm::Phys page) {
  Block block{page, 0, true};
  give_block(block);
}

// Section 4.20: pages of the controller's own size, for itself.
mm::Result<> Xhci::lay_out_scratch() {
  const uint32_t structure = hw_.read(hw_.context, kStructure2);
  const unsigned count = (structure >> 21 & 0x1f) << 5 | (structure >> 27 & 0x1f);
  const uint32_t sizes = operational(kPageSize) & 0xffff;
  if (sizes == 0) return mm::Error{"no page size ({:#x})", "xHCI", sizes};
  if (count == 0) return {};
  scratch_order_ = static_cast<unsigned>(__builtin_ctz(sizes));
  if (scratch_order_ > 4)
    return mm::Error{"pages of {} bytes", "xHCI", mm::kPageSize << scratch_order_};
  const mm::Phys list =
      BATON_TRY(take_block(pages_[kScratchList], order_of(uint64_t{count} * sizeof(uint64_t))));
  auto* const entries = hw_.map.at<uint64_t>(list);
  for (scratch_ = 0; scratch_ < count; ++scratch_) {
    Block block;
    entries[scratch_] = BATON_TRY(take_block(block, scratch_order_)).v;
  }
  *hw_.map.at<uint64_t>(pages_[kTables].at) = list.v;
  return {};
}

void Xhci::give_scratch() {
  if (!pages_[kScratchList].taken) return;
  const auto* const entries = hw_.map.at<const uint64_t>(pages_[kScratchList].at);
  while (scratch_ != 0) {
    Block block{mm::Phys{entries[--scratch_]}, scratch_order_, true};
    give_block(block);
  }
}

mm::Result<> Xhci::lay_out() {
  for (const Page page : {kTables, kEvents, kInput}) BATON_TRY(take_block(pages_[page], 0));
  BATON_TRY(lay_out_scratch());
  const mm::Phys tables = pages_[kTables].at;
  commands_ = Ring(hw_, tables + kCommandsAt, kCommandCount);
  events_ = EventRing(hw_.map, pages_[kEvents].at, kEventCount);
  auto* const segment = hw_.map.at<uint64_t>(tables + kSegmentsAt);
  segment[0] = pages_[kEvents].at.v;
  segment[1] = kEventCount;
  hw_.order(hw_.context);
  set_operational(kConfigure, slots_);
  set_wide(base_ + kContexts, tables);
  set_wide(base_ + kCommandRing, mm::Phys{commands_.next()});
  hw_.write(hw_.context, runtime_ + kEventTableSize, 1);
  set_wide(runtime_ + kEventDequeue, events_.taken());
  set_wide(runtime_ + kEventTable, tables + kSegmentsAt);
  return {};
}

mm::Result<> Xhci::run() {
  set_operational(kCommand, kRun);
  if (!hw_.wait(kSecond / 10, [&] { return (operational(kStatus) & kHalted) == 0; })) {
    return mm::Error{"does not run (status {:#x})", "xHCI", operational(kStatus)};
  }
  // Whether it reads our memory and writes it.
  if (!command(TrbType::NoOpCommand).ok()) {
    return mm::Error{
        "does not answer in memory: an IOMMU may keep it off (status {:#x}, command {:#x})", "xHCI",
        operational(kStatus), operational(kCommand)};
  }
  for (unsigned port = 1; port <= ports_ && (capability_ & kPortPowerSwitch) != 0; ++port) {
    const uint32_t status = operational(port_at(port));
    if ((status & kPortPower) == 0) {
      set_operational(port_at(port), (status & kPortKept) | kPortPower);
    }
  }
  hw_.sleep(kSecond / 10);  // USB 2.0, section 7.1.7.3: until a connection counts
  return {};
}

mm::Result<> Xhci::start() {
  if (const mm::Result<> found = find_registers(); !found.ok()) {
    // There is nothing to halt it by.
    hw_.cut_off(hw_.context);
    stopped_ = true;
    return note_broken(found.error());
  }
  take_from_firmware();
  mm::Result<> done = reset();
  if (done.ok()) {
    hw_.let_in(hw_.context);
    done = lay_out();
  }
  if (done.ok()) done = run();
  if (done.ok()) return {};
  (void)note_broken(done.error());
  stop();
  return done;
}

void Xhci::stop() {
  if (stopped_) return;
  (void)halt();
  hw_.cut_off(hw_.context);
  stopped_ = true;
  if (!broken_) broken_ = mm::Error{"is stopped", "xHCI"};
  give_scratch();
  for (Block& block : pages_) give_block(block);
}

}  // namespace kernel::usb
