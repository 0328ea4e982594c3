#include "tools/replay/program/given.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "loader/map_record.h"
#include "tools/replay/formats/format.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"
#include "tools/replay/machine_file.h"
#include "tools/replay/must.h"
#include "tools/replay/program/device_tree.h"
#include "tools/replay/program/machine_json.h"
#include "tools/replay/program/tables.h"

namespace replay {
namespace {

// What one piece says.
struct Part {
  const Piece* piece = nullptr;
  const char* what = nullptr;  // the format's name
  Machine machine;
  std::optional<Standing> map;  // nothing: it has no map
};

void say_of(const Piece& piece, const Remark& remark, Say say) {
  std::string text = piece.name + ":";
  if (remark.line != 0) text += std::to_string(remark.line) + ":";
  say(text + " " + remark.text);
}

bool is_facts(const Piece& piece) {
  return piece.name.ends_with(".machine") || piece.bytes.starts_with("machine ");
}

Part facts_of(const Piece& piece) {
  try {
    return {&piece, "a machine's facts", MachineFile::of_text(piece.bytes).machine(),
            Standing::Firmware};
  } catch (const std::runtime_error& error) {
    throw BadInput(piece.name + ": " + error.what());
  }
}

// What was remarked on the input that the JSON is of is said again; its lines are not this file's.
Part json_of_replay(const Piece& piece, Say say) {
  Part part{&piece, "what replay --json prints", machine_of_json(piece), Standing::Firmware};
  for (const Remark& remark : part.machine.remarks) say_of(piece, {0, remark.text}, say);
  return part;
}

Part tree_of(const Piece& piece, Say say) {
  Part part{&piece, "a device tree", machine_of_tree(piece), std::nullopt};
  for (const Remark& remark : part.machine.remarks) say_of(piece, remark, say);
  if (!part.machine.firmware.empty()) part.map = Standing::Firmware;
  return part;
}

// Baton's own record has a sum; one that was pasted somewhere has lost it.
void check_record(const Piece& piece, Machine& machine) {
  if (!piece.bytes.starts_with("# The firmware's memory map, as Baton")) return;
  std::vector<loader::MapRange> ranges(loader::most_map_ranges(piece.bytes));
  const auto record = loader::parse_map_record(piece.bytes, "the record", ranges);
  if (record.ok()) return;
  machine.remarks.push_back({0, describe(record.error()) + "; what can be read is taken"});
}

// The log of a boot; nothing where it has no list of the firmware's.
std::optional<Part> log_of(const Piece& piece, const std::vector<Line>& lines, unsigned boot,
                           Say say) {
  Log log = read_log(lines, boot);
  if (log.boots == 0) return std::nullopt;
  for (const Remark& remark : log.remarks) say_of(piece, remark, say);
  if (log.boot == 0) {
    throw BadInput(piece.name + " has " + std::to_string(log.boots) + " boots, no number " +
                   std::to_string(boot));
  }
  for (const Remark& remark : log.refused) say_of(piece, remark, say);
  if (!log.refused.empty()) throw BadInput(piece.name + " is more than can be replayed");
  return Part{&piece, "the log of a boot", std::move(log), Standing::Firmware};
}

bool has_text(const std::vector<Line>& lines, std::string_view word) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const Line& line) { return line.text.find(word) != std::string::npos; });
}

// A log says more than its map: SRAT's lines, and what Linux made of it.
void add_from_log(const std::vector<Line>& lines, Machine& machine) {
  Log log = read_log(lines);
  if (machine.srat.empty()) {
    machine.srat = log.srat;
    machine.named = log.named;
  }
  machine.linux_made = log.linux_made;
}

std::optional<Part> map_of(const Piece& piece, const std::vector<Line>& lines, Say say) {
  const Format* const format = format_of(lines);
  if (format == nullptr) return std::nullopt;
  Machine machine = read_as(*format, lines);
  if (has_text(lines, "Booting Linux on physical CPU") || has_text(lines, "aarch64")) {
    machine.kind = MachineKind::Arm64;
  }
  if (has_text(lines, "Linux version")) add_from_log(lines, machine);
  if (format == &kMapRecordFormat) check_record(piece, machine);
  for (const Remark& remark : machine.remarks) say_of(piece, remark, say);
  if (machine.firmware.empty()) return std::nullopt;
  return Part{&piece, format->name, std::move(machine), format->standing};
}

// In the log of a boot that has the firmware's e820 UEFI's own map may tell more: what is mirrored.
void add_mirrored(const std::vector<Line>& lines, Machine& machine) {
  machine.mirrored = read_as(kEfiLogFormat, lines).mirrored;
}

// A hypervisor's list is the machine's; what its first guest prints is what it was given.
bool under_xen(const std::vector<Line>& lines) { return has_text(lines, "(XEN)"); }

std::vector<TableBytes> tables_of(const Piece& piece, const std::vector<Line>& lines, Say say) {
  std::vector<TableBytes> tables = raw_tables(piece.bytes);
  if (!tables.empty()) return tables;
  std::vector<Remark> remarks;
  tables = dumped_tables(lines, remarks);
  for (const Remark& remark : remarks) say_of(piece, remark, say);
  return tables;
}

Part part_of(const Piece& piece, unsigned boot, std::vector<TableBytes>& tables, Say say) {
  if (is_facts(piece)) return facts_of(piece);
  if (is_machine_json(piece.bytes)) return json_of_replay(piece, say);
  if (is_device_tree(piece.bytes)) return tree_of(piece, say);
  const std::vector<Line> lines = lines_of(piece.bytes);
  std::vector<TableBytes> found = tables_of(piece, lines, say);
  const bool raw = !found.empty() && !raw_tables(piece.bytes).empty();
  tables.insert(tables.end(), found.begin(), found.end());
  if (raw) return {&piece, "ACPI's tables", {}, std::nullopt};
  if (under_xen(lines)) {
    if (auto part = map_of(piece, lines, say)) return std::move(*part);
  }
  if (auto part = log_of(piece, lines, boot, say)) {
    add_mirrored(lines, part->machine);
    return std::move(*part);
  }
  if (auto part = map_of(piece, lines, say)) return std::move(*part);
  return {
      &piece, found.empty() ? known_kind(piece.bytes, lines) : "ACPI's tables", {}, std::nullopt};
}

[[noreturn]] void no_map(const std::vector<Part>& parts) {
  std::string text;
  for (const Part& part : parts) {
    text += (text.empty() ? "" : "\n") + part.piece->name + " has no e820 list that can be read";
    if (part.what != nullptr) text += std::string("; it looks like ") + part.what;
  }
  if (text.empty()) text = "there is no file in it";
  throw BadInput(text +
                 "\nThe log of a Linux boot (dmesg) has one; replay --help tells what else "
                 "is read");
}

// Nodes by a part that has only these, or a better map.
void complete(Part& taken, const std::vector<Part>& parts, Say say) {
  const auto remark = [&](const std::string& text) {
    taken.machine.remarks.push_back({0, text});
    say(text);
  };
  for (const Part& part : parts) {
    if (&part == &taken) continue;
    Machine& machine = taken.machine;
    if (machine.srat.empty() && !part.machine.srat.empty()) {
      machine.srat = part.machine.srat;
      machine.named = part.machine.named;
      remark(part.piece->name + ": its nodes are taken");
    }
    if (machine.mirrored.empty()) machine.mirrored = part.machine.mirrored;
    if (part.map == Standing::Firmware && part.machine.firmware != machine.firmware) {
      remark(part.piece->name + ": another map (" + part.what + "); " + taken.piece->name +
             " is taken. `replay diff` shows how they differ");
    }
  }
}

}  // namespace

Given read_given(const std::vector<Piece>& pieces, unsigned boot, Say say) {
  std::vector<Part> parts;
  std::vector<TableBytes> tables;
  parts.reserve(pieces.size());
  for (const Piece& piece : pieces) parts.push_back(part_of(piece, boot, tables, say));
  const auto best = std::max_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return a.map < b.map;  // nothing is less than the least; of equal ones the first
  });
  if (best == parts.end() || !best->map) no_map(parts);
  complete(*best, parts, say);
  Machine machine = std::move(best->machine);
  if (!tables.empty()) {
    const size_t before = machine.remarks.size();
    take_tables(tables, machine);
    for (size_t i = before; i < machine.remarks.size(); ++i) say(machine.remarks[i].text);
  }
  return {best->piece->name, std::move(machine)};
}

}  // namespace replay
