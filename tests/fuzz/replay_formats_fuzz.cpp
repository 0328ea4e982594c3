// Someone's map, table dump, device tree or machine, of any content: what is read from it can be
// replayed, or is refused in words.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/target.h"
#include "tools/replay/formats/format.h"
#include "tools/replay/log_text.h"
#include "tools/replay/machine_file.h"
#include "tools/replay/machine_text.h"
#include "tools/replay/program/device_tree.h"
#include "tools/replay/program/machine_json.h"
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

// Of the whole: it reads back from what is said of it.
template <class Read>  // Machine()
void check_whole(Read read) {
  replay::Machine machine;
  try {
    machine = read();
  } catch (const std::runtime_error&) {
    return;
  }
  check_machine(machine);
  if (machine.firmware.empty()) return;
  const std::string facts = replay::facts_text(machine, "fuzz");
  const replay::Machine again = replay::MachineFile::of_text(facts).machine();
  check(again.firmware == machine.firmware && again.distances == machine.distances);
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
  const replay::Piece piece{"fuzz", std::string(bytes)};
  check_whole([&] { return replay::machine_of_json(piece); });
  check_whole([&] { return replay::MachineFile::of_text(piece.bytes).machine(); });
  if (replay::is_device_tree(bytes)) {
    check_whole([&] { return replay::machine_of_tree(piece); });
  }
}
