// A machine as somebody described it: what its firmware said of memory, and what Linux made of it.
//
// What every reader of this room gives, and all that a replay (tools/replay/replayed.h) is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mm/e820.h"
#include "mm/numa.h"
#include "mm/platform.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/zone_type.h"
#include "tools/replay/map_changes.h"

namespace replay {

// Something that a reader of the input should know.
struct Remark {
  size_t line = 0;  // 0: the input as a whole
  std::string text;
};

struct LinuxZone {
  mm::ZoneType type = mm::ZoneType::Normal;
  mm::Range range;  // empty: Linux has the zone and nothing is in it
};

struct LinuxNodeRange {
  unsigned node = 0;
  mm::Range range;

  friend bool operator==(const LinuxNodeRange&, const LinuxNodeRange&) = default;
};

// What Linux made of the machine, as far as the input says it.
struct LinuxMade {
  std::vector<LinuxZone> zones;           // "Zone ranges:"
  std::vector<LinuxNodeRange> ranges;     // "Early memory node ranges"
  std::optional<uint64_t> total_kib;      // of "Memory: 1K/2K available" the second
  std::optional<uint64_t> mtrr_lost_mib;  // "CPU MTRRs don't cover all of memory, losing 3MB"
  std::string command_line;               // empty: it is not told

  // Whether there is anything to compare with.
  [[nodiscard]] bool known() const { return !zones.empty() || !ranges.empty() || total_kib; }
};

// How fast memory of one node is for the CPUs (or devices) of another: HMAT's, of memory itself.
struct NodeSpeed {
  // In HMAT's order.
  enum class Kind : uint8_t {
    Latency,
    ReadLatency,
    WriteLatency,
    Bandwidth,
    ReadBandwidth,
    WriteBandwidth,
  };
  Kind kind = Kind::Latency;
  mm::NodeId from = 0, to = 0;
  uint64_t value = 0;  // picoseconds; MB/s

  [[nodiscard]] bool is_latency() const { return kind < Kind::Bandwidth; }
};

// The CPUs that MADT calls enabled.
struct NodeCpus {
  size_t enabled = 0;
  std::vector<unsigned> of;  // by node, as far as SRAT names CPUs
  std::vector<uint32_t>
      in_none;  // APIC ids (MPIDRs) that SRAT does not know, though it names others
};

// Whose rules a machine is replayed by. A PC with an end of lowmem is one under a 32-bit kernel.
enum class MachineKind { Pc, Arm64, Arm };

struct Machine {
  MachineKind kind = MachineKind::Pc;
  // The firmware's list and, where there is one, the user's (mem=, memmap=); in the input's order.
  // Every range has something in it and ends at kMaxPhys or below.
  std::vector<mm::E820Entry> firmware;
  std::vector<mm::E820Entry> user;
  std::vector<mm::E820Entry> before;     // the firmware's list at the boot before, if it is told
  std::vector<mm::MemoryAffinity> srat;  // node below kMaxNodes; ranges as they come
  mm::NodeSet named;
  std::vector<uint8_t> distances;  // SLIT's by node, a row after the other; empty: Linux's own
  std::vector<NodeSpeed> speeds;
  std::optional<NodeCpus> cpus;
  std::vector<mm::Range> mirrored;    // UEFI calls it more reliable
  std::vector<mm::Range> windows;     // CXL's fixed memory windows (CEDT)
  std::vector<mm::Range> mtrr_trims;  // usable before, reserved after
  mm::Range low_trim;                 // what of low memory Linux keeps from a BIOS that spoils it
  // Of a 32-bit kernel: the end of lowmem, and where physical addresses end for it.
  std::optional<mm::Phys> end_of_low;
  std::optional<mm::Phys> end_of_reach;  // max_arch_pfn
  std::vector<mm::Range> ignored;        // RAM above lowmem, where there is no highmem
  std::vector<NamedRange> kept;          // RAM that is to be left alone (device trees)
  LinuxMade linux_made;
  // What the kernel had reserved by name: Baton's list, and Linux's before 3.x.
  std::vector<NamedRange> reservations;
  std::vector<Remark> remarks;

  // The map Linux started from: the user's list in place of the firmware's; one without RAM is an
  // excerpt that shows only what the user changed, and is laid over the firmware's. `storage` has
  // room_for_map() entries.
  [[nodiscard]] size_t room_for_map() const;
  // The entries of those lists that count.
  [[nodiscard]] std::vector<mm::E820Entry> said() const;
  mm::Result<mm::E820Table> map(std::span<mm::E820Entry> storage) const;
  [[nodiscard]] bool user_is_whole() const;
  // Which platform's rules it is replayed by.
  [[nodiscard]] mm::Platform platform() const;
};

}  // namespace replay
