// Reports in JSON: Baton's own, as it leaves it on the ESP (docs/report.schema.json), and what can be
// read of replay's (docs/replay.schema.json) where it was pasted into something; a whole file is
// program/json_machine.cpp's.
//
//   "map": [{"start": "0x0", "pages": 1, "type": 3, "name": "Boot Code", "attributes": "0xf"}, ...
//   "firmware": [{"type": "usable", "start": 0, "end": 655360}, ...
//
// Of JSON no more is read than this needs: objects without objects in them, and in which list they
// stand.
#include <algorithm>
#include <map>

#include "tools/replay/formats/format.h"

namespace replay {
namespace {

using LineKind = MapLine::Kind;

struct Object {
  std::string list;  // the name of the list that it stands in
  const Line* line = nullptr;
  std::map<std::string, std::string> fields;  // values without their quotes
};

class Objects {
 public:
  explicit Objects(std::span<const Line> lines) {
    for (const Line& line : lines) {
      line_ = &line;
      for (const char c : line.text) take(c);
      end_word();
    }
  }

  std::vector<Object> found;

 private:
  void take(char c) {
    if (in_string_) return take_in_string(c);
    switch (c) {
      case '"':
        in_string_ = true;
        return;
      case '{':
        object_ = Object{list_, line_, {}};
        return;
      case '}':
        end_word();
        if (object_.line != nullptr && !object_.fields.empty()) found.push_back(object_);
        object_ = {};
        return;
      case '[':
        list_ = key_;
        return;
      case ':':
        key_ = word_;
        word_.clear();
        return;
      case ' ':
        return;
      case ',':
      case ']':
        return end_word();
      default:
        word_ += c;
    }
  }
  void take_in_string(char c) {
    if (!escaped_ && c == '"') {
      in_string_ = false;
    } else if (!escaped_ && c == '\\') {
      escaped_ = true;
      return;
    } else {
      word_ += c;
    }
    escaped_ = false;
  }
  // A value ends, if one has begun. No string goes on in the next line.
  void end_word() {
    if (in_string_) in_string_ = escaped_ = false;
    if (object_.line != nullptr && !word_.empty() && !key_.empty()) object_.fields[key_] = word_;
    word_.clear();
  }

  const Line* line_ = nullptr;
  bool in_string_ = false, escaped_ = false;
  std::string word_, key_, list_;
  Object object_;
};

std::optional<uint64_t> number(const Object& object, const char* name) {
  const auto at = object.fields.find(name);
  if (at == object.fields.end()) return std::nullopt;
  std::string_view text = at->second;
  const auto value = take_number(text, text.starts_with("0x") ? 16 : 10);
  return text.empty() ? value : std::nullopt;
}

bool is_true(const Object& object, const char* name) {
  const auto at = object.fields.find(name);
  return at != object.fields.end() && at->second == "true";
}

bool has(const Object& object, const char* name) { return object.fields.contains(name); }

// --- Baton's report ------------------------------------------------------------------------------

bool is_descriptor(const Object& object) {
  return object.list == "map" && has(object, "pages") && has(object, "attributes");
}

// Whether it is worth looking: a log may be long.
bool any_has(std::span<const Line> lines, std::string_view word) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const Line& line) { return line.text.find(word) != std::string::npos; });
}

size_t count_report(std::span<const Line> lines) {
  if (!any_has(lines, "\"attributes\"")) return 0;
  size_t count = 0;
  for (const Object& object : Objects(lines).found) count += is_descriptor(object) ? 1 : 0;
  return count;
}

Machine read_report(std::span<const Line> lines) {
  Machine machine;
  for (const Object& object : Objects(lines).found) {
    if (!is_descriptor(object)) continue;
    const auto start = number(object, "start");
    const auto pages = number(object, "pages");
    const auto type = number(object, "type");
    const auto attributes = number(object, "attributes");
    if (!start || !pages || !type || *type > UINT32_MAX || !attributes) {
      machine.remarks.push_back(cannot_be_read(*object.line));
      continue;
    }
    const MapLine found = efi_line(static_cast<unsigned>(*type), *attributes, *start, *pages);
    if (found.kind == LineKind::Bad) machine.remarks.push_back(cannot_be_read(*object.line));
    if (found.kind == LineKind::Entry) add_entry(machine, found, *object.line);
  }
  return machine;
}

// --- Replay's ------------------------------------------------------------------------------------

std::optional<Spelled> range_of(const Object& object) {
  const auto start = number(object, "start");
  const auto end = number(object, "end");
  if (!start || !end || *end < *start) return std::nullopt;
  return Spelled{.first = *start, .last = *end - 1, .nothing = *start == *end};
}

bool is_entry(const Object& object) {
  return object.list == "firmware" && has(object, "type") && has(object, "end");
}

size_t count_replay(std::span<const Line> lines) {
  if (!any_has(lines, "\"firmware\"")) return 0;
  size_t count = 0;
  for (const Object& object : Objects(lines).found) count += is_entry(object) ? 1 : 0;
  return count;
}

void take_object(Machine& machine, const Object& object) {
  const auto bytes = range_of(object);
  if (object.list == "srat") {
    const auto node = number(object, "node");
    if (!bytes || !node || *node >= mm::kMaxNodes) {
      return machine.remarks.push_back(cannot_be_read(*object.line));
    }
    return add_entry(machine,
                     {.kind = LineKind::Affinity,
                      .bytes = *bytes,
                      .node = static_cast<mm::NodeId>(*node),
                      .hotplug = is_true(object, "hotplug"),
                      .nonvolatile = is_true(object, "nonvolatile")},
                     *object.line);
  }
  if (!is_entry(object)) return;
  std::string_view words = object.fields.at("type");
  const auto type = take_type(words);
  if (!bytes || !type) return machine.remarks.push_back(cannot_be_read(*object.line));
  add_entry(machine, {.kind = LineKind::Entry, .bytes = *bytes, .type = *type}, *object.line);
}

Machine read_replay(std::span<const Line> lines) {
  Machine machine;
  for (const Object& object : Objects(lines).found) take_object(machine, object);
  return machine;
}

}  // namespace

constinit const Format kReportFormat{
    .name = "Baton's report in JSON", .count = count_report, .read = read_report};
constinit const Format kReplayJsonFormat{
    .name = "what replay --json prints",
    .count = count_replay,
    .read = read_replay,
    .remark =
        "replay's JSON, pasted: maps and nodes are read, as of a PC of 64 bits; the file itself "
        "says more"};

}  // namespace replay
