// A machine drawn in Linux's own words, and the log that mm writes about it.
//
// The drawing is lines of a kernel log: `BIOS-e820: [mem 0x...-0x...] usable` (also `user:`) and
// `ACPI: SRAT: Node 0 PXM 0 [mem 0x...-0x...] hotplug`, and `mirrored [mem 0x...-0x...]` for what
// the firmware calls more reliable; whatever else stands in a line's beginning
// (time stamps) or in other lines is passed over. So a test can draw a machine by hand, or be given
// a real machine's log.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/firmware_ram.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"

namespace test {

// Collects what mm prints.
class Log {
 public:
  [[nodiscard]] mm::Printer printer() {
    return mm::Printer(
        [](void* context, std::string_view text) {
          static_cast<std::string*>(context)->append(text);
        },
        &text_);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  std::string take() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

inline std::string describe(const mm::Error& error) {
  Log log;
  log.printer().error("error", error);
  return log.take();
}

// The value, or the error as an exception, which makes a test fail with its words.
template <class T>
T must(mm::Result<T> result) {
  if (!result.ok()) throw std::runtime_error(describe(result.error()));
  return result.value();
}

inline mm::E820Type type_of(std::string_view name) {
  using mm::E820Type;
  for (const E820Type type :
       {E820Type::Ram, E820Type::Reserved, E820Type::Acpi, E820Type::Nvs, E820Type::Unusable,
        E820Type::Pmem, E820Type::Pram, E820Type::Unaccepted, E820Type::SoftReserved}) {
    if (name == mm::e820_type_name(type)) return type;
  }
  if (name == "System RAM") return E820Type::Ram;  // newer kernels
  if (name == "device reserved") return E820Type::Reserved;
  unsigned number = 0;
  if (std::sscanf(std::string(name).c_str(), "type %u", &number) == 1) return E820Type{number};
  throw std::runtime_error("no e820 type is called \"" + std::string(name) + "\"");
}

// What became of a firmware's list in e820.
inline mm::FirmwareRam firmware_ram(std::span<const mm::E820Entry> said,
                                    const mm::E820Table& e820) {
  return mm::account_firmware_ram(mm::claims_of(said), e820);
}

struct DrawnMachine {
  std::vector<mm::E820Entry> firmware;  // its list, as drawn
  std::vector<mm::E820Entry> e820_storage;
  mm::E820Table e820;
  std::vector<mm::MemoryAffinity> srat;
  mm::NodeSet named;
  std::vector<mm::Range> mirrored;

  explicit DrawnMachine(const std::string& drawing) {
    std::vector<mm::E820Entry> bios;
    std::vector<mm::E820Entry> user;
    std::istringstream lines(drawing);
    for (std::string line; std::getline(lines, line);) {
      if (const char* at = std::strstr(line.c_str(), "BIOS-e820: [mem ")) {
        bios.push_back(e820_entry(at));
      } else if (const char* mine = std::strstr(line.c_str(), "user: [mem ")) {
        user.push_back(e820_entry(mine));
      } else if (std::strstr(line.c_str(), "mirrored [mem ") != nullptr) {
        mirrored.push_back(e820_entry((line + " usable").c_str()).range);
      } else if (const char* entry = std::strstr(line.c_str(), "SRAT: Node ")) {
        add_srat(entry);
      } else if (const char* cpu = std::strstr(line.c_str(), "SRAT: PXM ")) {
        unsigned node = 0;
        if (const char* arrow = std::strstr(cpu, "-> Node ")) {
          if (std::sscanf(arrow, "-> Node %u", &node) == 1)
            named.set(static_cast<mm::NodeId>(node));
        }
      }
    }
    take(bios, user);
  }

  // With what is mirrored only where kernelcore=mirror asks for it.
  [[nodiscard]] mm::NumaInput numa(bool mirror = false) const {
    mm::NumaInput input{.memory = srat, .named = named};
    if (mirror) input.mirrored = mirrored;
    return input;
  }

 private:
  // A user-defined map replaces the firmware's. One without RAM is an excerpt that shows only what
  // the user changed: it is laid over the firmware's.
  void take(const std::vector<mm::E820Entry>& bios, const std::vector<mm::E820Entry>& user) {
    const bool whole = std::any_of(user.begin(), user.end(), [](const mm::E820Entry& entry) {
      return entry.type == mm::E820Type::Ram;
    });
    e820_storage.resize(mm::E820Table::capacity_for(bios.size() + 2 * user.size() + 8));
    e820 = mm::E820Table(e820_storage);
    if (!whole) firmware = bios;
    firmware.insert(firmware.end(), user.begin(), user.end());
    if (!whole) {
      for (const mm::E820Entry& entry : bios) must(e820.append(entry.range, entry.type));
    }
    for (const mm::E820Entry& entry : user) {
      must(e820.remove(entry.range));
      must(e820.append(entry.range, entry.type));
    }
  }

  static mm::E820Entry e820_entry(const char* at) {
    unsigned long first = 0;
    unsigned long last = 0;
    int end = 0;
    const char* range = std::strchr(at, '[');
    if (std::sscanf(range, "[mem %lx-%lx] %n", &first, &last, &end) != 2) {
      throw std::runtime_error(std::string("not an e820 line: ") + at);
    }
    std::string_view name = range + end;
    while (!name.empty() && (name.back() == ' ' || name.back() == '\r')) name.remove_suffix(1);
    return {{mm::Phys{first}, mm::Phys{last + 1}}, type_of(name)};
  }

  void add_srat(const char* at) {
    unsigned node = 0;
    unsigned pxm = 0;
    unsigned long first = 0;
    unsigned long last = 0;
    if (std::sscanf(at, "SRAT: Node %u PXM %u [mem %lx-%lx]", &node, &pxm, &first, &last) != 4 &&
        std::sscanf(at, "SRAT: Node %u PXM %u %lx-%lx", &node, &pxm, &first, &last) != 4) {
      throw std::runtime_error(std::string("not an SRAT line: ") + at);
    }
    srat.push_back({static_cast<mm::NodeId>(node),
                    {mm::Phys{first}, mm::Phys{last + 1}},
                    std::strstr(at, " hotplug") != nullptr,
                    std::strstr(at, " non-volatile") != nullptr});
    if (node < mm::kMaxNodes) named.set(static_cast<mm::NodeId>(node));
  }
};

}  // namespace test
