// A drawn machine after the relay, as the kernel's self-tests and monitor find it.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/booted.h"
#include "kernel/page_walk.h"
#include "mm/platform.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/pretend_memory.h"

namespace test {

// The kernel's image in memory, as the loader would have put it there: a page without a use below
// the stack.
//
//        4 MiB                +0x40000     +0x50000    +0x70000  +0x71000  +0x75000
//          | text RX             | rodata R   | data RW    |         | stack RW |
struct Image {
  static constexpr uint64_t kPhysical = 4 * mm::kMiB, kEnd = kPhysical + 0x75000;
  static constexpr uint64_t kVirtual = loader::kKernelBase + 2 * mm::kMiB;
  static constexpr uint64_t kConstantsEnd = kPhysical + 0x50000;

  std::vector<loader::HandoffSegment> segments{segment(0, 0x40000, 5), segment(0x40000, 0x10000, 4),
                                               segment(0x50000, 0x20000, 6),
                                               segment(0x71000, 0x4000, 6)};

  static loader::HandoffSegment segment(uint64_t offset, uint64_t size, uint32_t flags) {
    return {kPhysical + offset, kVirtual + offset, size, flags, 0};
  }
  static mm::Reservation reservation() {
    return {{mm::Phys{kPhysical}, mm::Phys{kEnd}}, "TEXT DATA BSS", 0};
  }
};

class BootedMachine {
 public:
  // AbsentFreePages: and free pages fault (tests/support/pretend_hardware.h).
  enum class With : uint8_t { RelayOnly, KernelImage, AbsentFreePages };

  explicit BootedMachine(const std::string& drawing, const char* options = "",
                         With with = With::RelayOnly)
      : drawn_(drawing),
        memory_(mm::align_up(drawn_.e820.entries().back().range.end, mm::kPageSize)),
        kept_(std::make_unique<kernel::Kept>()),
        tables_(std::make_unique<kernel::FirmwareTables>()),
        relay_(mm::x86_64_platform(), memory_.map(), log_.printer()) {
    const bool image = with != With::RelayOnly;
    if (image) take_handoff();
    const mm::Reservation reserved = Image::reservation();
    must(relay_.take_over(drawn_.e820.entries(), std::span(&reserved, image ? 1 : 0)));
    const mm::FirmwareRam firmware = firmware_ram(drawn_.firmware, relay_.e820());
    const mm::RelayInput input{
        .numa = drawn_.numa(), .cpus = image ? 2U : 1U, .road = mm::Road::Bootmem};
    if (with == With::AbsentFreePages) {
      must(relay_.trim(input.uncached));
      must(relay_.find_nodes(input.numa));
      must(relay_.lay_out(input.movable, input.cpus));
      must(relay_.start_boot_allocator(input.road));
      must(relay_.build_zones(input.distances, input.order));
      hide_free_pages();
    }
    must(relay_.finish(input));
    machine_ = std::make_unique<kernel::Booted>(
        kernel::Booted{.kept = *kept_,
                       .tables = *tables_,
                       .firmware_map = firmware_map_,
                       .options = kernel::Options(options),
                       .relay = relay_,
                       .firmware = firmware,
                       .end_of_space = mm::Phys{uint64_t{1} << 40}});
  }

  [[nodiscard]] kernel::Booted& operator*() { return *machine_; }
  [[nodiscard]] kernel::Booted* operator->() { return machine_.get(); }

  // As if the firmware had services: tests/support/pretend_hardware.h has its variables.
  void offer_runtime_services() {
    const_cast<loader::Handoff&>(kept_->handoff()).runtime_root = mm::kPageSize;  // NOLINT
  }

 private:
  void hide_free_pages() {
    const auto set = [](void* context, mm::PfnRange frames, bool there) {
      const auto* const map = static_cast<const mm::DirectMap*>(context);
      kernel::arch::set_present(reinterpret_cast<uintptr_t>(map->at(phys(frames.start))),
                                frames.size(), there);
    };
    must(relay_.pages().set_contents({.absent = true}, log_.printer(), {set, &hidden_in_}));
  }

  // A handoff that check() takes, with the image's segments.
  void take_handoff() {
    const mm::Phys place{2 * mm::kMiB};  // read before the relay, which does not look at it
    const Image image;
    std::copy(image.segments.begin(), image.segments.end(),
              memory_.map().at<loader::HandoffSegment>(place));
    loader::Handoff h{};
    h.magic = loader::kHandoffMagic;
    h.version = loader::kHandoffVersion;
    h.size = sizeof h;
    h.e820 = {place.v, 1, sizeof(mm::E820Entry)};
    h.segments = {place.v, static_cast<uint32_t>(image.segments.size()),
                  sizeof(loader::HandoffSegment)};
    h.paging_levels = 4;
    h.framebuffer.address = 0xe000'0000;
    h.framebuffer.size = 8 * mm::kMiB;
    h.direct_map = reinterpret_cast<uint64_t>(memory_.map().at(mm::Phys{0}));
    must(kept_->take(h));
    auto& taken = const_cast<loader::Handoff&>(kept_->handoff());  // NOLINT: as if it had said so
    taken.direct_map = loader::kDirectMap4Level;
    loader::seal(taken);
  }

  DrawnMachine drawn_;
  PretendMemory memory_;
  mm::DirectMap hidden_in_ = memory_.map();
  Log log_;
  std::unique_ptr<kernel::Kept> kept_;
  std::unique_ptr<kernel::FirmwareTables> tables_;
  kernel::FirmwareMap firmware_map_;
  kernel::Relay relay_;
  std::unique_ptr<kernel::Booted> machine_;
};

}  // namespace test
