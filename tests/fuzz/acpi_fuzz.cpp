// A firmware's tables, of any content: nothing may be read beyond them, and nothing may hang.
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
#include "loader/acpi/smbios.h"
#include "loader/acpi/spcr.h"
#include "loader/acpi/srat.h"
#include "mm/print.h"

namespace {

using Bytes = std::vector<uint8_t>;

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
    std::vector<mm::MemoryAffinity> memory(64);
    std::vector<loader::CpuAffinity> cpus(64);
    std::vector<loader::MadtCpu> madt(64);
    const loader::SratStorage storage{memory, cpus};
    const mm::Printer quiet;
    loader::ProximityMap domains;
    loader::Srat srat;
    for (const Bytes& table : tables_) {
      switch (table[0] << 8 | table[1]) {
        case 'S' << 8 | 'R':
          if (const auto read = loader::parse_srat(table, storage, domains, true, quiet); read.ok())
            srat = read.value();
          break;
        case 'S' << 8 | 'L':
          (void)loader::parse_slit(table, domains, quiet);
          break;
        case 'A' << 8 | 'P':
          (void)loader::parse_madt(table, madt, quiet);
          break;
        case 'F' << 8 | 'A':
          (void)loader::parse_fadt(table);
          break;
        case 'S' << 8 | 'P':
          (void)loader::parse_spcr(table);
          break;
        case 'C' << 8 | 'E':
          (void)loader::add_cxl_windows(table, storage, domains, srat, quiet);
          break;
        default:
          (void)loader::find_s5(table);
          break;
      }
      walk_smbios(table);
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
  static void walk_smbios(std::span<const uint8_t> table) {
    (void)loader::smbios_entry(table);
    loader::SmbiosStructures structures(table);
    while (const auto structure = structures.next()) {
      (void)loader::memory_device(*structure);
      (void)loader::mapped_range(*structure);
      (void)loader::device_range(*structure);
    }
  }

  std::vector<Bytes> tables_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Machine machine({data, size});
  machine.parse();
  machine.judge();
  return 0;
}
