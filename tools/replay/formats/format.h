// Maps of memory in other words than a Linux boot's log: a file of this folder for each.
//
// A format knows its lines when it sees them; of a text that has lines of several the firmware's own
// map is taken before what a kernel makes of it, and then that of which there are most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/log_text.h"
#include "tools/replay/log_words.h"
#include "tools/replay/machine.h"

namespace replay {

// What a line is to a format.
struct MapLine {
  enum class Kind {
    Other,     // nothing of its own
    Entry,     // a range of a type
    Affinity,  // a range of a node
    Bad,       // its own, but cannot be read
  };
  Kind kind = Kind::Other;
  Spelled bytes = {};
  mm::E820Type type = mm::E820Type::Reserved;
  bool dropped = false;   // Entry: of a type that Linux leaves out of e820
  bool mirrored = false;  // Entry
  mm::NodeId node = 0;    // Affinity
  bool hotplug = false, nonvolatile = false;
};

// How far a format's map is to be believed where there are several.
enum class Standing {
  Derived,   // from what a kernel made of the firmware's map
  Measured,  // what a kernel keeps of it
  Firmware,  // the firmware's own
};

struct Format {
  const char* name = nullptr;  // "/proc/iomem"
  Standing standing = Standing::Firmware;
  // One line by itself; null where lines belong together, which `read` does then.
  MapLine (*line)(std::string_view text) = nullptr;
  // How many lines are its own; none: the text is something else.
  size_t (*count)(std::span<const Line> lines) = nullptr;
  Machine (*read)(std::span<const Line> lines) = nullptr;
  const char* remark = nullptr;  // what a reader should know of any such map
};

// All of them; a text that two know alike is the first's.
[[nodiscard]] std::span<const Format* const> formats();
// The one in which the text is read; null: there is none.
[[nodiscard]] const Format* format_of(std::span<const Line> lines);
// The map in the words of that format: lines that cannot be read and what is odd are its remarks.
[[nodiscard]] Machine read_as(const Format& format, std::span<const Line> lines);

// --- For the formats -----------------------------------------------------------------------------

// Adds a range to a machine, or says in a remark why not; of doubled lines the second is passed
// over. `shown` is the line.
void add_entry(Machine& machine, const MapLine& found, const Line& shown);
[[nodiscard]] Remark cannot_be_read(const Line& line);

// What Linux makes of a descriptor of UEFI's (arch/x86's setup_e820): its type in e820, or nothing
// where it leaves the range out.
[[nodiscard]] std::optional<mm::E820Type> e820_of_efi(unsigned type, uint64_t attributes);
inline constexpr uint64_t kEfiMoreReliable = 0x10000;  // UEFI 2.10, 7.2: EFI_MEMORY_MORE_RELIABLE
inline constexpr uint64_t kEfiSpecificPurpose = 0x40000;  // EFI_MEMORY_SP

// UEFI's types by number, as some program calls them.
using EfiNames = std::array<std::string_view, 16>;
// The type whose name the text begins with, which is taken off; of several the longest.
std::optional<unsigned> take_efi_type(std::string_view& text, const EfiNames& names);
// A descriptor as a line.
[[nodiscard]] MapLine efi_line(unsigned type, uint64_t attributes, uint64_t start, uint64_t pages);

// Text from the first place where `word` stands; empty when it does not.
[[nodiscard]] std::string_view from(std::string_view text, std::string_view word);
// Behind it.
[[nodiscard]] std::string_view behind(std::string_view text, std::string_view word);

extern const Format kEfiLogFormat;      // Linux: efi: mem00: [...] range=[...]
extern const Format kIomemFormat;       // /proc/iomem
extern const Format kMemmapTreeFormat;  // /sys/firmware/memmap, as grep -r prints it
extern const Format kZoneinfoFormat;    // /proc/zoneinfo
extern const Format kXenFormat;         // Xen-e820 RAM map:
extern const Format kFreeBsdFormat;     // SMAP type=01
extern const Format kFreeBsdEfiFormat;  // its list of UEFI's
extern const Format kShellFormat;       // UEFI shell: memmap
extern const Format kGrubEfiFormat;     // GRUB: lsefimmap
extern const Format kGrubFormat;        // GRUB: lsmmap
extern const Format kLimineFormat;      // [0x0 -> 0x9fc00] : 0x9fc00 <Usable RAM>
extern const Format kQemuFormat;        // qemu-system-x86_64 -m 4G ...
extern const Format kNodeRangesFormat;  // Early memory node ranges
extern const Format kReportFormat;      // Baton's report-DATE.json
extern const Format kReplayJsonFormat;  // replay --json, where it was pasted
extern const Format kMapRecordFormat;   // Baton's \baton\map.txt

}  // namespace replay
