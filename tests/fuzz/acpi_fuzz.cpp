// A firmware's tables, of any content: nothing may be read beyond them, nothing may hang, what is read is
// what mm can be given, and read again it is the same.
//
// The input is tables one after another: which one (a byte), how many bytes follow its header (two
// bytes), and those. Each lies in memory of its own size, so that the sanitizer sees a byte too
// many.
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernel/selftest/table_tests.h"
#include "loader/acpi/fadt.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/slit.h"
#include "loader/acpi/spcr.h"
#include "loader/acpi/srat.h"
#include "mm/print.h"
#include "tests/fuzz/numa_conserves.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

constexpr std::array<const char*, 10> kSignatures{"SRAT", "SLIT", "APIC", "FACP", "DSDT",
                                                  "SPCR", "CEDT", "HMAT", "MCFG", "SSDT"};
constexpr size_t kHeader = sizeof(loader::AcpiHeader);

class Machine {
 public:
  explicit Machine(std::span<const uint8_t> input) {
    while (input.size() >= 3) {
      const char* signature = kSignatures[input[0] % kSignatures.size()];
      const size_t size = std::min<size_t>(input[1] | input[2] << 8, input.size() - 3);
      Bytes table(kHeader);
      std::memcpy(table.data(), signature, 4);
      const auto length = static_cast<uint32_t>(kHeader + size);
      std::memcpy(table.data() + 4, &length, 4);
      table[8] = 3;  // revision
      table.insert(table.end(), input.begin() + 3, input.begin() + 3 + static_cast<long>(size));
      table.shrink_to_fit();
      tables_.push_back(std::move(table));
      input = input.subspan(3 + size);
    }
  }

  void parse() {
    const mm::Printer quiet;
    for (const Bytes& table : tables_) {
      switch (table[0] << 8 | table[1]) {
        case 'S' << 8 | 'R':
          take_srat(table);
          break;
        case 'S' << 8 | 'L':
          if (const auto read = loader::parse_slit(table, domains_, quiet); read.ok()) {
            check_distances(read.value());
          }
          break;
        case 'A' << 8 | 'P':
          take_madt(table);
          break;
        case 'F' << 8 | 'A':
          (void)loader::parse_fadt(table);
          break;
        case 'S' << 8 | 'P':
          if (const auto port = loader::parse_spcr(table); port.ok()) {
            check((port.value().port == 0) != (port.value().pl011 == 0));
          }
          break;
        case 'C' << 8 | 'E':
          (void)loader::add_cxl_windows(table, {memory_, cpus_}, domains_, srat_, quiet);
          check_srat(srat_, domains_);
          break;
        default:
          (void)loader::find_s5(table);
          break;
      }
    }
  }

  // The same tables before the self-tests.
  void judge() {
    std::vector<loader::AcpiTable> list;
    for (const Bytes& table : tables_) {
      loader::AcpiTable entry{};
      std::memcpy(entry.signature.data(), table.data(), 4);
      entry.address = mm::Phys{reinterpret_cast<uintptr_t>(table.data())};
      entry.length = static_cast<uint32_t>(table.size());
      list.push_back(entry);
    }
    std::vector<mm::E820Entry> room(64);
    mm::E820Table e820(room);
    (void)e820.append({mm::Phys{0x1000}, mm::Phys{1 << 30}}, mm::E820Type::Ram);
    kernel::TableFacts facts;
    facts.readable = [](const void*, mm::Range) { return false; };
    facts.tables = list;
    facts.e820 = &e820;
    for (const auto files : {kernel::acpi_tests(), kernel::machine_tests()}) {
      for (const auto tests : files) {
        for (const kernel::TableTest& test : tests()) (void)test.check(facts);
      }
    }
  }

 private:
  void take_srat(const Bytes& table) {
    const mm::Printer quiet;
    const auto first = loader::parse_srat(table, {memory_, cpus_}, domains_, true, quiet);
    if (!first.ok()) return;
    srat_ = first.value();
    check_srat(srat_, domains_);
    // Domains that are known keep their nodes.
    std::vector<mm::MemoryAffinity> memory(memory_.size());
    std::vector<loader::CpuAffinity> cpus(cpus_.size());
    const auto again = loader::parse_srat(table, {memory, cpus}, domains_, true, quiet);
    check(again.ok() && again.value().used == srat_.used);
    check(std::equal(srat_.memory.begin(), srat_.memory.end(), again.value().memory.begin(),
                     again.value().memory.end(), [](const auto& a, const auto& b) {
                       return a.range == b.range && a.node == b.node;
                     }));
  }
  static void check_srat(const loader::Srat& srat, const loader::ProximityMap& domains) {
    for (const mm::MemoryAffinity& entry : srat.memory) {
      check(entry.node < domains.count());
    }
    for (const loader::CpuAffinity& cpu : srat.cpus) check(cpu.node < domains.count());
    std::vector<mm::E820Entry> room(64);
    mm::E820Table e820(room);
    check(e820.append({mm::Phys{0x1000}, mm::Phys{0x9f800}}, mm::E820Type::Ram).ok());
    check(e820.append({mm::Phys{mm::kMiB}, mm::Phys{2 * mm::kGiB}}, mm::E820Type::Ram).ok());
    check(e820.append({mm::Phys{4 * mm::kGiB}, mm::Phys{64 * mm::kGiB}}, mm::E820Type::Ram).ok());
    fuzz::check_numa({.memory = srat.memory, .named = srat.named}, e820);
  }
  void check_distances(const mm::Distances& distances) const {
    for (mm::NodeId a = 0; a < domains_.count(); ++a)
      check(distances.between(a, a) == mm::Distances::kLocal);
  }
  static void take_madt(const Bytes& table) {
    std::vector<loader::MadtCpu> cpus(64);
    const auto madt = loader::parse_madt(table, cpus, {});
    if (!madt.ok()) return;
    size_t enabled = 0;
    for (const loader::MadtCpu& cpu : madt.value().cpus) {
      check(cpu.enabled || cpu.online_capable);
      enabled += cpu.enabled ? 1 : 0;
    }
    check(enabled <= madt.value().enabled);
    check(madt.value().left_out != 0 || enabled == madt.value().enabled);
    check(madt.value().left_out == 0 || madt.value().cpus.size() == cpus.size());
  }

  std::vector<Bytes> tables_;
  std::vector<mm::MemoryAffinity> memory_ = std::vector<mm::MemoryAffinity>(64);
  std::vector<loader::CpuAffinity> cpus_ = std::vector<loader::CpuAffinity>(64);
  loader::ProximityMap domains_;
  loader::Srat srat_;
};

}  // namespace

FUZZ_TARGET(acpi) {
  Machine machine({data, size});
  machine.parse();
  machine.judge();
}
