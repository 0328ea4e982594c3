#include "tools/replay/program/tables.h"

#include <algorithm>
#include <memory>

#include "loader/acpi/slit.h"
#include "loader/acpi/srat.h"
#include "tools/replay/log_words.h"
#include "tools/replay/must.h"
#include "tools/replay/program/table_readers.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

constexpr size_t kHeader = 36;  // ACPI 6.5, 5.2.6
constexpr size_t kMostTable = 64 * mm::kMiB;

bool is_signature(std::string_view text) {
  return text.size() >= 4 && std::all_of(text.begin(), text.begin() + 4, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '!' || c == '_';
         });
}

std::string signature_of(const TableBytes& table) { return {table.begin(), table.begin() + 4}; }

const TableBytes* find(std::span<const TableBytes> tables, std::string_view signature) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const TableBytes& table) {
    return signature_of(table) == signature;
  });
  return found == tables.end() ? nullptr : &*found;
}

// `    0000: 53 52 41 54 ...  SRAT...`; false when the line is no such.
bool take_dump_line(std::string_view text, TableBytes& bytes) {
  take_blanks(text);
  const auto offset = take_number(text, 16);
  if (!offset || !take_word(text, ": ") || *offset != bytes.size()) return false;
  for (int i = 0; i < 16; ++i) {
    take_blanks(text);
    if (bytes.size() >= kHeader && bytes.size() == field<uint32_t>(bytes, 4)) break;
    std::string_view digits = text.substr(0, 2);
    const auto byte = digits.size() == 2 ? take_number(digits, 16) : std::nullopt;
    if (!byte || !digits.empty() || (text.size() > 2 && text[2] != ' ')) break;
    bytes.push_back(static_cast<uint8_t>(*byte));
    text.remove_prefix(2);
  }
  return true;
}

bool good_checksum(const TableBytes& table) {
  uint8_t sum = 0;
  for (const uint8_t byte : table) sum = static_cast<uint8_t>(sum + byte);
  return sum == 0;
}

// Whole: as long as its header says.
bool whole(const TableBytes& table) {
  return table.size() >= kHeader && field<uint32_t>(table, 4) == table.size();
}

struct Srat {
  std::vector<mm::MemoryAffinity> memory;
  std::vector<loader::CpuAffinity> cpus;
};

void add_windows(const TableBytes& cedt, Machine& machine) {
  constexpr size_t kWindow = 36;  // CXL 3.0, 9.17.1.3
  for (size_t at = kHeader; at + 4 <= cedt.size();) {
    const auto length = field<uint16_t>(cedt, at + 2);
    if (length < 4 || length > cedt.size() - at) return;  // add_cxl_windows has said so
    if (cedt[at] == 1 && length >= kWindow) {
      const auto start = field<uint64_t>(cedt, at + 8);
      const auto size = field<uint64_t>(cedt, at + 16);
      if (size != 0 && start < mm::kMaxPhys && size <= mm::kMaxPhys - start) {
        machine.windows.push_back({mm::Phys{start}, mm::Phys{start + size}});
      }
    }
    at += length;
  }
}

void add_lines(const std::string& text, Machine& machine) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    machine.remarks.push_back({0, text.substr(at, end - at)});
    at = end + 1;
  }
}

void take_slit(const TableBytes& table, const loader::ProximityMap& domains, Machine& machine) {
  std::string wrong;
  const auto found = loader::parse_slit(table, domains, into(wrong));
  add_lines(wrong, machine);
  if (!found.ok()) return machine.remarks.push_back({0, describe(found.error())});
  const mm::NodeId count = domains.count();
  for (mm::NodeId from = 0; from < count; ++from) {
    for (mm::NodeId to = 0; to < count; ++to) {
      machine.distances.push_back(static_cast<uint8_t>(found.value().between(from, to)));
    }
  }
}

void take_srat(std::span<const TableBytes> tables, const TableBytes& table, Machine& machine) {
  const TableBytes* const cedt = find(tables, "CEDT");

  // No entry is shorter than 16 bytes, so there are no more; and a window of CEDT's is longer.
  Srat room;
  room.memory.resize((table.size() + (cedt == nullptr ? 0 : cedt->size())) / 16 + 1);
  room.cpus.resize(room.memory.size());
  const auto domains = std::make_unique<loader::ProximityMap>();
  std::string said_of_it;
  const mm::Printer quiet;
  const TableBytes* const madt = find(tables, "APIC");
  std::vector<loader::MadtCpu> listed;
  if (madt != nullptr) listed = cpus_of(*madt, machine);
  const loader::SratStorage storage{.memory = room.memory, .cpus = room.cpus, .listed = listed};
  auto srat = loader::parse_srat(table, storage, *domains, true, quiet);
  if (srat.ok() && srat.value().used && cedt != nullptr) {
    const auto added =
        loader::add_cxl_windows(*cedt, storage, *domains, srat.value(), into(said_of_it));
    if (!added.ok()) said_of_it += describe(added.error());
    add_windows(*cedt, machine);
  }
  add_lines(said_of_it, machine);
  if (!srat.ok() || !srat.value().used) {
    machine.remarks.push_back(
        {0, "SRAT cannot be used" + (srat.ok() ? std::string() : ": " + describe(srat.error()))});
    return;
  }
  machine.srat.assign(srat.value().memory.begin(), srat.value().memory.end());
  machine.named = srat.value().named;
  if (const TableBytes* const slit = find(tables, "SLIT")) take_slit(*slit, *domains, machine);
  if (const TableBytes* const hmat = find(tables, "HMAT")) take_hmat(*hmat, *domains, machine);
  if (madt != nullptr) take_madt(*madt, srat.value().cpus, machine);
}

}  // namespace

std::vector<TableBytes> raw_tables(std::string_view bytes) {
  std::vector<TableBytes> tables;
  while (!bytes.empty()) {
    if (bytes.size() < kHeader || !is_signature(bytes)) return {};
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    const auto length = field<uint32_t>({data, bytes.size()}, 4);
    if (length < kHeader || length > bytes.size()) return {};
    tables.emplace_back(data, data + length);
    bytes.remove_prefix(length);
  }
  return tables;
}

std::vector<TableBytes> dumped_tables(std::span<const Line> lines, std::vector<Remark>& remarks) {
  std::vector<TableBytes> tables;
  TableBytes bytes;
  size_t begun = 0;
  std::string name;
  const auto end_table = [&] {
    if (name.empty()) return;
    if (whole(bytes)) {
      tables.push_back(bytes);
    } else {
      remarks.push_back({begun, "table " + name + " is not whole, skipped"});
    }
    name.clear();
    bytes.clear();
  };
  for (const Line& line : lines) {
    const std::string_view text = line.text;
    if (is_signature(text) && text.substr(4).starts_with(" @ ")) {
      end_table();
      name = text.substr(0, 4);
      begun = line.number;
    } else if (!name.empty() && (bytes.size() > kMostTable || !take_dump_line(text, bytes))) {
      end_table();
    }
  }
  end_table();
  return tables;
}

void take_tables(std::span<const TableBytes> tables, Machine& machine) {
  std::string names;
  for (const TableBytes& table : tables) {
    names += (names.empty() ? "" : ", ") + signature_of(table);
    if (!good_checksum(table)) {
      machine.remarks.push_back(
          {0, "the checksum of " + signature_of(table) + " is wrong; it is read as it stands"});
    }
  }
  const TableBytes* const srat = find(tables, "SRAT");
  if (srat != nullptr) take_srat(tables, *srat, machine);
  if (srat == nullptr) {
    machine.remarks.push_back({0, "no SRAT among the tables (" + names + "): nothing of nodes"});
  }
}

}  // namespace replay
