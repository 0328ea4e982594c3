#include "tools/replay/formats/format.h"

#include <algorithm>
#include <utility>

namespace replay {
namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Phys;
using mm::Range;

constexpr const Format* kFormats[] = {
    &kEfiLogFormat,     &kXenFormat,     &kFreeBsdFormat,    &kFreeBsdEfiFormat,
    &kShellFormat,      &kGrubEfiFormat, &kGrubFormat,       &kLimineFormat,
    &kMemmapTreeFormat, &kIomemFormat,   &kZoneinfoFormat,   &kNodeRangesFormat,
    &kQemuFormat,       &kReportFormat,  &kReplayJsonFormat, &kMapRecordFormat,
};

size_t count_lines(const Format& format, std::span<const Line> lines) {
  if (format.count != nullptr) return format.count(lines);
  size_t count = 0;
  for (const Line& line : lines) {
    count += format.line(line.text).kind == MapLine::Kind::Entry ? 1 : 0;
  }
  return count;
}

Machine read_lines(const Format& format, std::span<const Line> lines) {
  Machine machine;
  for (const Line& line : lines) {
    const MapLine found = format.line(line.text);
    if (found.kind == MapLine::Kind::Bad) machine.remarks.push_back(cannot_be_read(line));
    if (found.kind == MapLine::Kind::Entry || found.kind == MapLine::Kind::Affinity) {
      add_entry(machine, found, line);
    }
  }
  return machine;
}

}  // namespace

std::span<const Format* const> formats() { return kFormats; }

const Format* format_of(std::span<const Line> lines) {
  const Format* best = nullptr;
  size_t known = 0;
  for (const Format* format : kFormats) {
    const size_t count = count_lines(*format, lines);
    if (count == 0) continue;
    const bool better = best == nullptr || format->standing > best->standing ||
                        (format->standing == best->standing && count > known);
    if (better) {
      best = format;
      known = count;
    }
  }
  return best;
}

Machine read_as(const Format& format, std::span<const Line> lines) {
  Machine machine = format.read != nullptr ? format.read(lines) : read_lines(format, lines);
  if (format.remark != nullptr) machine.remarks.push_back({0, format.remark});
  return machine;
}

Remark cannot_be_read(const Line& line) {
  return {line.number, "cannot be read: " + excerpt(line.text)};
}

void add_entry(Machine& machine, const MapLine& found, const Line& shown) {
  const auto say = [&](const char* what) {
    machine.remarks.push_back({shown.number, what + excerpt(shown.text)});
  };
  Spelled bytes = found.bytes;
  if (bytes.nothing) return;  // GRUB and FreeBSD print such, and mean nothing by them
  if (bytes.last < bytes.first) return say("ends before it begins, skipped: ");
  if (bytes.first >= mm::kMaxPhys) return say("lies above 2^52, where no address is, skipped: ");
  if (bytes.last >= mm::kMaxPhys) {
    say("reaches above 2^52, where no address is; taken up to there: ");
    bytes.last = mm::kMaxPhys - 1;
  }
  const Range range{Phys{bytes.first}, Phys{bytes.last + 1}};
  if (found.kind == MapLine::Kind::Affinity) {
    mm::MemoryAffinity entry;
    entry.node = found.node;
    entry.range = range;
    entry.hotplug = found.hotplug;
    entry.nonvolatile = found.nonvolatile;
    machine.srat.push_back(entry);
    machine.named.set(entry.node);
    return;
  }
  if (found.dropped) return;
  if (found.mirrored) machine.mirrored.push_back(range);
  const E820Entry entry{range, found.type};
  if (!machine.firmware.empty() && machine.firmware.back() == entry) return;  // every line twice
  machine.firmware.push_back(entry);
}

// arch/x86/boot's table (drivers/firmware/efi/libstub/x86-stub.c).
std::optional<E820Type> e820_of_efi(unsigned type, uint64_t attributes) {
  switch (type) {
    case 0:   // reserved
    case 5:   // runtime services' code
    case 6:   // and data
    case 11:  // memory-mapped I/O
    case 12:
    case 13:  // PAL code
      return E820Type::Reserved;
    case 1:  // loader code and data, boot services' code and data, conventional
    case 2:
    case 3:
    case 4:
    case 7:
      return (attributes & kEfiSpecificPurpose) != 0 ? E820Type::SoftReserved : E820Type::Ram;
    case 8:
      return E820Type::Unusable;
    case 9:
      return E820Type::Acpi;
    case 10:
      return E820Type::Nvs;
    case 14:
      return E820Type::Pmem;
    case 15:
      return E820Type::Unaccepted;
    default:
      return std::nullopt;
  }
}

std::optional<unsigned> take_efi_type(std::string_view& text, const EfiNames& names) {
  std::optional<unsigned> longest;
  for (unsigned i = 0; i < names.size(); ++i) {
    if (names[i].empty() || !text.starts_with(names[i])) continue;
    if (!longest || names[i].size() > names[*longest].size()) longest = i;
  }
  if (longest) text.remove_prefix(names[*longest].size());
  return longest;
}

MapLine efi_line(unsigned type, uint64_t attributes, uint64_t start, uint64_t pages) {
  MapLine found;
  // More pages than there are addresses: the line is read, and refused as a range.
  const uint64_t bytes =
      pages > (mm::kMaxPhys >> mm::kPageShift) ? mm::kMaxPhys : pages << mm::kPageShift;
  const bool wraps = start > UINT64_MAX - bytes;
  found.kind = wraps ? MapLine::Kind::Bad : MapLine::Kind::Entry;
  found.bytes = {.first = start, .last = start + bytes - 1, .nothing = bytes == 0};
  const auto e820 = e820_of_efi(type, attributes);
  found.dropped = !e820;
  if (e820) found.type = *e820;
  found.mirrored = (attributes & kEfiMoreReliable) != 0;
  return found;
}

std::string_view from(std::string_view text, std::string_view word) {
  const size_t at = text.find(word);
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

std::string_view behind(std::string_view text, std::string_view word) {
  const std::string_view rest = from(text, word);
  return rest.empty() ? rest : rest.substr(word.size());
}

}  // namespace replay
