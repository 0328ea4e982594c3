// Someone's map or table dump, of any content: what is read from it can be replayed.
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/fuzz/target.h"
#include "tools/replay/formats/format.h"
#include "tools/replay/log_text.h"
#include "tools/replay/program/tables.h"

namespace {

using fuzz::check;

void check_machine(const replay::Machine& machine) {
  for (const mm::E820Entry& entry : machine.firmware) {
    check(!entry.range.empty() && entry.range.end.v <= mm::kMaxPhys);
  }
  for (const mm::MemoryAffinity& entry : machine.srat) check(entry.node < mm::kMaxNodes);
  std::vector<mm::E820Entry> storage(machine.room_for_map());
  check(machine.map(storage).ok());
}

}  // namespace

FUZZ_TARGET(replay_formats) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto lines = replay::lines_of(bytes);
  for (const replay::Format* format : replay::formats()) {
    const bool lines_each = format->count == nullptr;
    if (lines_each || format->count(lines) != 0) check_machine(replay::read_as(*format, lines));
  }
  replay::Machine machine;
  std::vector<replay::TableBytes> tables = replay::raw_tables(bytes);
  for (auto& table : replay::dumped_tables(lines, machine.remarks)) tables.push_back(table);
  replay::take_tables(tables, machine);
  check_machine(machine);
}
