// A drawn machine after the relay, as the kernel's self-tests and monitor find it.
#pragma once

#include <memory>
#include <string>

#include "kernel/booted.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/pretend_memory.h"

namespace test {

class BootedMachine {
 public:
  explicit BootedMachine(const std::string& drawing, const char* options = "")
      : drawn_(drawing),
        memory_(mm::align_up(drawn_.e820.entries().back().range.end, mm::kPageSize)),
        kept_(std::make_unique<kernel::Kept>()),
        tables_(std::make_unique<kernel::FirmwareTables>()),
        relay_(memory_.map(), log_.printer()) {
    must(relay_.take_over(drawn_.e820.entries(), {}));
    const uint64_t usable = relay_.e820().total(mm::E820Type::Ram);
    must(relay_.trim(4));
    must(relay_.find_nodes(drawn_.numa()));
    must(relay_.lay_out(mm::x86_64_zone_limits(relay_.e820().last_pfn()), {}, 1));
    must(relay_.start_boot_allocator(mm::Road::Bootmem));
    must(relay_.build_zones(mm::Distances(), mm::NodeOrder::Distance));
    must(relay_.hand_over());
    machine_ = std::make_unique<kernel::Booted>(
        kernel::Booted{.kept = *kept_,
                       .tables = *tables_,
                       .firmware_map = firmware_map_,
                       .options = kernel::Options(options),
                       .relay = relay_,
                       .usable = usable,
                       .end_of_space = mm::Phys{uint64_t{1} << 40}});
  }

  [[nodiscard]] kernel::Booted& operator*() { return *machine_; }
  [[nodiscard]] kernel::Booted* operator->() { return machine_.get(); }

 private:
  DrawnMachine drawn_;
  PretendMemory memory_;
  Log log_;
  std::unique_ptr<kernel::Kept> kept_;
  std::unique_ptr<kernel::FirmwareTables> tables_;
  kernel::FirmwareMap firmware_map_;
  kernel::Relay relay_;
  std::unique_ptr<kernel::Booted> machine_;
};

}  // namespace test
