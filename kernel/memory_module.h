// Which memory module answers an address, as far as SMBIOS tells (DMTF DSP0134 3.6, types 16, 17,
// 19 and 20), and which to pull first by the errors that each has had. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/selftest/table_tests.h"
#include "loader/acpi/smbios.h"
#include "mm/layout.h"
#include "mm/print.h"
#include "mm/types.h"

namespace kernel {

struct MemoryModule {
  uint16_t handle = 0;  // of its type 17 structure
  uint16_t array = 0;   // of its type 16 structure
  std::string_view locator, bank;
};

// Some of the modules, by their numbers in MemoryModules.
class ModuleSet {
 public:
  static constexpr size_t kRoom = 128;

  void add(size_t module) { words_[module / 64] |= uint64_t{1} << module % 64; }
  void add(const ModuleSet& other);
  void keep(const ModuleSet& other);  // only what is in both
  [[nodiscard]] bool has(size_t module) const {
    return (words_[module / 64] >> module % 64 & 1) != 0;
  }
  [[nodiscard]] size_t count() const;
  friend bool operator==(const ModuleSet&, const ModuleSet&) = default;

 private:
  std::array<uint64_t, kRoom / 64> words_{};
};

// Who may have answered an address: one module, or where that cannot be known all that it can be.
// None: SMBIOS does not tell.
struct Answering {
  ModuleSet modules;
  bool interleaved = false;  // consecutive addresses go to several, some of which may not be named

  [[nodiscard]] bool is_known() const { return modules.count() == 1 && !interleaved; }
  friend bool operator==(const Answering&, const Answering&) = default;
};

// What SMBIOS tells of the machine's main memory. Its strings stay in the firmware's table.
class MemoryModules {
 public:
  static constexpr size_t kMostRanges = 192;

  // Where there are more modules or ranges than there is room for, nothing is known.
  void read(std::span<const uint8_t> table);

  [[nodiscard]] Answering answering(mm::Phys address) const;
  [[nodiscard]] const MemoryModule& operator[](size_t i) const { return modules_[i]; }
  [[nodiscard]] size_t count() const { return count_; }
  // Whether there were more than there is room for.
  [[nodiscard]] bool too_many() const { return too_many_; }

  // "DIMM_A1", "DIMM_A1 or DIMM_B1", "one of 8 modules", with what all of them have as their bank
  // (often the channel); nothing where nothing is told. For a person, on one line.
  void print(const ModuleSet& set, const mm::Printer& out) const;
  // That, cut to fit and NUL-terminated, of an address; where names do not fit, how many it may be.
  void name(mm::Phys address, std::span<char> out) const;

 private:
  struct Row {
    mm::Range range;
    Answering answering;
  };
  void read_modules(std::span<const uint8_t> table);
  void read_ranges(std::span<const uint8_t> table);
  void print_one(size_t module, const mm::Printer& out) const;
  [[nodiscard]] std::optional<size_t> with_handle(uint16_t handle) const;
  // The one bank of all of them; empty: they have several, or none.
  [[nodiscard]] std::string_view bank_of(const ModuleSet& set) const;

  std::array<MemoryModule, ModuleSet::kRoom> modules_{};
  size_t count_ = 0;
  std::array<Row, kMostRanges> rows_{};  // of type 20, then of type 19
  size_t by_device_ = 0, row_count_ = 0;
  bool too_many_ = false;
};

// The errors of a memory test, by who may have answered.
class ModuleErrors {
 public:
  enum class Kind : uint8_t { Wrong, Lost, Corrected };  // words read; as the hardware tells

  void add(const Answering& who, std::optional<mm::NodeId> node, Kind kind, uint64_t count = 1);
  void add_page(const Answering& who);

  // A line for each that had errors, most first, and which module to pull first, or why that cannot
  // be known. Nothing where there were none.
  void print(const MemoryModules& modules, const mm::Printer& out) const;

 private:
  struct Row {
    Answering who;
    std::array<uint64_t, 3> counts{};  // by kind
    uint64_t pages = 0;

    // What is lost counts before what the hardware corrected.
    [[nodiscard]] uint64_t errors(bool lost) const {
      return lost ? counts[0] + counts[1] : counts[2];
    }
  };
  Row& row_of(const Answering& who);
  void print_row(const Row& row, const MemoryModules& modules, const mm::Printer& out) const;
  void print_pull(const MemoryModules& modules, const mm::Printer& out) const;
  void print_unknown(const MemoryModules& modules, bool lost, const mm::Printer& out) const;

  std::array<Row, 64> rows_{};  // of more than fit the last has the errors, as if nothing were told
  size_t count_ = 0;
  std::optional<mm::NodeId> node_;
  bool several_nodes_ = false;
};

// The firmware's structure table; empty where there is none that can be read.
[[nodiscard]] std::span<const uint8_t> smbios_of(const TableFacts& facts);

}  // namespace kernel
