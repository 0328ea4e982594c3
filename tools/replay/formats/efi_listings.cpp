// UEFI's map as the UEFI shell, GRUB and FreeBSD list it: a descriptor a line.
//
//   BS_Data    0000000000000000-0000000000000FFF 0000000000000001 000000000000000F      memmap
//   conv-mem   0000000000000000-000000000009ffff 000000a0    640KiB UC WC WT WB         lsefimmap
//   ConventionalMemory 000000001000          0x0 0000009f UC WC WT WB                   FreeBSD
#include "tools/replay/formats/format.h"

namespace replay {
namespace {

// ShellPkg's UefiShellDebug1CommandsLib/MemMap.c.
constexpr EfiNames kShell = {"Reserved",  "LoaderCode", "LoaderData", "BS_Code",
                             "BS_Data",   "RT_Code",    "RT_Data",    "Available",
                             "Unusable",  "ACPI_Recl",  "ACPI_NVS",   "MMIO",
                             "MMIO_Port", "PalCode",    "Persistent", "Unaccepted"};
// grub-core/commands/efi/lsefimmap.c.
constexpr EfiNames kGrub = {"reserved", "ldr-code", "ldr-data", "BS-code",  "BS-data",  "RT-code",
                            "RT-data",  "conv-mem", "unusable", "ACPI-rec", "ACPI-nvs", "MMIO",
                            "IO-ports", "PAL-code", "persist",  ""};
// sys/x86/x86/efi.c's list.
constexpr EfiNames kFreeBsd = {"Reserved",
                               "LoaderCode",
                               "LoaderData",
                               "BootServicesCode",
                               "BootServicesData",
                               "RuntimeServicesCode",
                               "RuntimeServicesData",
                               "ConventionalMemory",
                               "UnusableMemory",
                               "ACPIReclaimMemory",
                               "ACPIMemoryNVS",
                               "MemoryMappedIO",
                               "MemoryMappedIOPortSpace",
                               "PalCode",
                               "PersistentMemory",
                               ""};

// `START-END PAGES`, of 16 digits each. The type stands before it; where the line is quoted
// something may stand before that.
struct Descriptor {
  uint64_t start = 0, last = 0, pages = 0;
};
std::optional<Descriptor> take_descriptor(std::string_view& text) {
  std::string_view rest = text;
  take_blanks(rest);
  const auto bytes = take_first_last(rest);
  take_blanks(rest);
  const auto pages = take_number(rest, 16);
  if (!bytes || !pages) return std::nullopt;
  text = rest;
  return Descriptor{bytes->first, bytes->last, *pages};
}

// The first word of the line that is a type and has what follows one.
template <class Read>  // std::optional<MapLine>(unsigned type, std::string_view rest)
MapLine find_line(std::string_view text, const EfiNames& names, Read read) {
  for (size_t at = text.find_first_not_of(' '); at < text.size();
       at = text.find_first_not_of(' ', text.find(' ', at))) {
    std::string_view rest = text.substr(at);
    if (const auto type = take_efi_type(rest, names); type && rest.starts_with(" ")) {
      if (const auto found = read(*type, rest)) return *found;
    }
    if (text.find(' ', at) == std::string_view::npos) break;
  }
  return {};
}

// The end must be what the pages come to.
MapLine listed(unsigned type, uint64_t attributes, const Descriptor& d) {
  MapLine found = efi_line(type, attributes, d.start, d.pages);
  if (found.bytes.last != d.last) found.kind = MapLine::Kind::Bad;
  return found;
}

MapLine shell_line(std::string_view text) {
  return find_line(text, kShell,
                   [](unsigned type, std::string_view rest) -> std::optional<MapLine> {
                     const auto descriptor = take_descriptor(rest);
                     take_blanks(rest);
                     const auto attributes = take_number(rest, 16);
                     if (!descriptor || !attributes) return std::nullopt;
                     return listed(type, *attributes, *descriptor);
                   });
}

bool has_word(std::string_view words, std::string_view word) {
  return (" " + std::string(words) + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

MapLine grub_line(std::string_view text) {
  return find_line(text, kGrub, [](unsigned type, std::string_view rest) -> std::optional<MapLine> {
    const auto descriptor = take_descriptor(rest);
    if (!descriptor || rest.find('B') == std::string_view::npos) return std::nullopt;
    const bool mirrored = has_word(rest, "MORE_RELIABLE");
    return listed(type, mirrored ? kEfiMoreReliable : 0, *descriptor);
  });
}

MapLine freebsd_line(std::string_view text) {
  return find_line(text, kFreeBsd,
                   [](unsigned type, std::string_view rest) -> std::optional<MapLine> {
                     take_blanks(rest);
                     const auto start = take_number(rest, 16);
                     take_blanks(rest);
                     const auto virt = take_number(rest, 16);
                     take_blanks(rest);
                     const auto pages = take_number(rest, 16);
                     if (!start || !virt || !pages) return std::nullopt;
                     const bool mirrored = has_word(rest, "MORE_RELIABLE");
                     return efi_line(type, mirrored ? kEfiMoreReliable : 0, *start, *pages);
                   });
}

}  // namespace

constinit const Format kShellFormat{.name = "what the UEFI shell's memmap prints",
                                    .line = shell_line};
constinit const Format kGrubEfiFormat{.name = "what GRUB's lsefimmap prints", .line = grub_line};
constinit const Format kFreeBsdEfiFormat{.name = "UEFI's map in the log of a FreeBSD boot",
                                         .line = freebsd_line};

}  // namespace replay
