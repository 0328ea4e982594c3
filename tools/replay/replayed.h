// A machine that has run the relay on the host: what came of it, to be asked and shown.
//
// Nothing is printed here. The object stays where it is: the relay's parts point into it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mm/e820_options.h"
#include "mm/firmware_ram.h"
#include "mm/page_alloc.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "mm/result.h"
#include "mm/trims.h"
#include "mm/types.h"
#include "tools/replay/machine.h"
#include "tools/replay/pretend_memory.h"

namespace replay {

struct ReplayOptions {
  mm::Road road = mm::Road::Memblock;
  // Of a kernel's command line: mem=, memmap=, kernelcore=, movablecore=, movable_node, early=.
  std::string words = {};
  std::vector<NamedRange> reserved = {};  // before anything is placed; names as a Reservation's
};

// What Linux was seen to take beside what the relay takes by its own rules, as the ledger names it.
inline constexpr const char* kMtrr = "MTRR";
inline constexpr const char* kAbove32Bits = "above 32 bits";
inline constexpr const char* kLowRam = "low RAM";
inline constexpr const char* kNoHighMem = "no highmem";

// RAM that was usable and is not any more, and why.
struct Taken {
  const char* why = nullptr;  // one of those
  mm::Range range;
};

class Replayed {
 public:
  Replayed() = default;
  Replayed(const Replayed&) = delete;
  Replayed& operator=(const Replayed&) = delete;

  // Once. What fails is the machine's fault: a station's error, as the kernel would have it; log()
  // has what was said up to there. That the ledger does not close is no failure of this.
  mm::Result<> run(Machine machine, const ReplayOptions& options = {});

  [[nodiscard]] const Machine& machine() const { return machine_; }
  [[nodiscard]] const mm::RelayCore& relay() const { return *relay_; }
  [[nodiscard]] const mm::PageAllocatorCore& pages() const { return relay_->pages(); }
  // As the firmware's list (or the user's) made it, before anything was taken.
  [[nodiscard]] const mm::E820Table& first_e820() const { return first_; }
  [[nodiscard]] std::span<const Taken> taken() const { return taken_; }
  // What was reserved before the relay placed anything of its own.
  [[nodiscard]] const mm::EarlyRes& reserved_first() const { return reserved_first_; }
  [[nodiscard]] const mm::FirmwareRam& firmware_ram() const { return firmware_; }

  // What Baton's kernel would print of this machine.
  [[nodiscard]] const std::string& log() const { return log_; }
  [[nodiscard]] const std::string& ledger() const { return ledger_; }
  // Why the ledger does not close; empty: it does.
  [[nodiscard]] const std::string& open() const { return open_; }

 private:
  mm::Result<> take_options(const std::string& words);
  mm::Result<mm::Phys> end_with(const std::string& words) const;
  mm::Result<> take_over();
  mm::Result<> reserve_first(const std::vector<NamedRange>& reserved);
  mm::Result<> take_away();
  mm::Result<uint64_t> take(mm::Range range, const char* why, bool remove = false);
  void close_ledger();

  Machine machine_;
  std::vector<uint32_t> domains_;  // the distances' rows by node
  std::vector<mm::E820Entry> first_storage_;
  mm::E820Table first_;
  std::optional<PretendMemory> memory_;
  std::unique_ptr<mm::Relay<mm::OneCpu>> relay_;
  mm::FirmwareRam firmware_;
  std::vector<Taken> taken_;
  std::vector<mm::NamedBytes> trims_;
  mm::E820Changes changes_;
  mm::MovableOptions movable_;
  std::vector<mm::Reservation> reserved_storage_;
  mm::EarlyRes reserved_first_;
  std::string log_;
  std::string ledger_;
  std::string open_;
};

// Who has an address, from the firmware on: each station that knows it, in the relay's order.
struct Owner {
  const char* station = nullptr;  // "firmware", "e820", "taken", "reservation", "SRAT", "node",
                                  // "zone", "pageblock", "block"
  std::string what;
  mm::Range range;  // that it stands for; empty: the station has nothing there
};
[[nodiscard]] std::vector<Owner> owners_of(const Replayed& replayed, mm::Phys address);

}  // namespace replay
