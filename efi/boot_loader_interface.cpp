#include "efi/boot_loader_interface.h"

#include <cstring>

#include "efi/arch.h"
#include "efi/directory.h"
#include "efi/memory.h"
#include "efi/own_variables.h"
#include "loader/menu/boot_loader_interface.h"
#include "version.h"

namespace efi {
namespace {

using loader::BootEntry;
using mm::Printer;

constexpr OwnVariable variable(const char16_t* name, const char* called) {
  return {name, called, loader::kLoaderVendor};
}

// Empty: there is none, or none that can be taken.
std::string_view read_text(const Firmware& firmware, const OwnVariable& variable,
                           std::span<char> out, const Printer& findings) {
  std::array<uint8_t, 512> stored;
  const auto size = read_variable(firmware, variable, stored);
  if (size.ok() && !size.value().has_value()) return {};
  const auto text = size.ok() ? loader::parse_loader_text(std::span(stored).first(*size.value()),
                                                          variable.called, out)
                              : mm::Result<std::string_view>(size.error());
  if (text.ok()) return text.value();
  findings.error("boot menu: ignored", text.error());
  out[0] = '\0';
  return {};
}

// Deleted whatever it says, so that it counts once.
std::string_view take_text(const Firmware& firmware, const OwnVariable& variable,
                           std::span<char> out, const Printer& findings) {
  std::array<uint8_t, 1> any;
  const auto there = read_variable(firmware, variable, any);
  if (there.ok() && !there.value().has_value()) return {};
  const std::string_view text = read_text(firmware, variable, out, findings);
  if (const auto deleted = delete_variable(firmware, variable); !deleted.ok()) {
    findings.error("boot menu", deleted.error());
  }
  return text;
}

std::optional<uint32_t> timeout_of(std::string_view text, const char* name,
                                   const Printer& findings) {
  if (text.empty()) return std::nullopt;
  const auto seconds = loader::parse_loader_timeout(text);
  if (!seconds) findings.line("boot menu: ignored: {}: is no timeout: {}", name, text);
  return seconds;
}

// Variables of one start. Of errors the first is told.
class Telling {
 public:
  Telling(const Firmware& firmware, const Printer& findings)
      : firmware_(firmware), findings_(findings) {}

  void text(const char16_t* name, const char* called, std::string_view text) {
    std::array<char16_t, Directory::kMaxName + 32> wide{};
    if (text.size() >= wide.size()) {
      return told(
          mm::Error{"is too long (characters {}, most {})", called, text.size(), wide.size() - 1});
    }
    for (size_t i = 0; i < text.size(); ++i) wide[i] = static_cast<unsigned char>(text[i]);
    bytes(name, called, wide.data(), (text.size() + 1) * sizeof(char16_t));
  }
  void bytes(const char16_t* name, const char* called, const void* content, size_t size) {
    told(write_variable(firmware_, variable(name, called),
                        {static_cast<const uint8_t*>(content), size}, Lasts::UntilReset));
  }
  void told(const mm::Result<>& written) {
    if (written.ok() || failed_) return;
    failed_ = true;
    findings_.error("the system is not told", written.error());
  }
  template <class... Args>
  void line(const char16_t* name, const char* called,
            mm::Format<std::type_identity_t<Args>...> format, Args... args) {
    std::array<char, Directory::kMaxName + 32> line{};
    (void)mm::format_values(line, format, mm::Values<Args...>(args...).v);
    text(name, called, line.data());
  }

 private:
  const Firmware& firmware_;
  const Printer& findings_;
  bool failed_ = false;
};

// All identifiers, each with its NUL.
mm::Result<> tell_entries(const Firmware& firmware, std::span<const BootEntry> entries,
                          Telling& telling) {
  size_t length = 0;
  for (const BootEntry& entry : entries) length += loader::loader_entry_id(entry, {}) + 1;
  const Pages wide = BATON_TRY(allocate_zeroed(firmware, length * sizeof(char16_t), "entries"));
  auto* at = wide.as<char16_t>();
  std::array<char, Directory::kMaxName + 1> id;
  for (const BootEntry& entry : entries) {
    const size_t size = loader::loader_entry_id(entry, id);
    for (size_t i = 0; i < size; ++i) *at++ = static_cast<unsigned char>(id[i]);
    *at++ = u'\0';
  }
  telling.bytes(u"LoaderEntries", "LoaderEntries", wide.as<char16_t>(), length * sizeof(char16_t));
  return {};
}

// Counts of a millisecond, by the firmware's clock.
uint64_t counts_per_ms(const Firmware& firmware) {
  constexpr UINTN kMicroseconds = 1000;
  const uint64_t before = read_counter();
  firmware.boot->Stall(kMicroseconds);
  return read_counter() - before;
}

void tell_partition(const Firmware& firmware, Telling& telling) {
  constexpr EFI_GUID kDevicePath = EFI_DEVICE_PATH_PROTOCOL_GUID;
  constexpr size_t kMostBytes = 1024;  // of a path; where it ends it says itself
  const auto* const path = static_cast<const uint8_t*>(
      protocol_on<void>(firmware, firmware.loaded->DeviceHandle, kDevicePath));
  std::array<char, loader::kGuidText> guid;
  if (path == nullptr || !loader::partition_guid({path, kMostBytes}, guid)) return;
  telling.text(u"LoaderDevicePartUUID", "LoaderDevicePartUUID", {guid.data(), guid.size()});
}

void tell_firmware(const Firmware& firmware, Telling& telling) {
  const EFI_SYSTEM_TABLE& system = *firmware.system;
  std::array<char, 64> vendor{};
  for (size_t i = 0; system.FirmwareVendor != nullptr && i + 1 < vendor.size(); ++i) {
    const CHAR16 c = system.FirmwareVendor[i];
    if (c == 0) break;
    vendor[i] = c >= ' ' && c <= '~' ? static_cast<char>(c) : '?';
  }
  telling.line(u"LoaderFirmwareInfo", "LoaderFirmwareInfo", "{} {}.{:02}", vendor.data(),
               system.FirmwareRevision >> 16, system.FirmwareRevision & 0xffff);
  telling.line(u"LoaderFirmwareType", "LoaderFirmwareType", "UEFI {}.{:02}",
               system.Hdr.Revision >> 16, system.Hdr.Revision & 0xffff);
}

}  // namespace

AskedEntries asked_entries(const Firmware& firmware, const Printer& findings) {
  AskedEntries asked;
  (void)take_text(firmware, variable(u"LoaderEntryOneShot", "LoaderEntryOneShot"), asked.one_shot,
                  findings);
  (void)read_text(firmware, variable(u"LoaderEntryDefault", "LoaderEntryDefault"), asked.preferred,
                  findings);
  return asked;
}

std::optional<uint32_t> asked_timeout(const Firmware& firmware, const Printer& findings) {
  constexpr OwnVariable kOnce =
      variable(u"LoaderConfigTimeoutOneShot", "LoaderConfigTimeoutOneShot");
  constexpr OwnVariable kAlways = variable(u"LoaderConfigTimeout", "LoaderConfigTimeout");
  std::array<char, 32> room{};
  const auto once = timeout_of(take_text(firmware, kOnce, room, findings), kOnce.called, findings);
  // Of one start, no time is for ever: somebody asked for the menu.
  if (once) return *once == 0 ? loader::MenuConfig::kForEver : *once;
  return timeout_of(read_text(firmware, kAlways, room, findings), kAlways.called, findings);
}

void count_attempt(const Firmware& firmware, const BootEntry& entry, const Printer& findings) {
  std::array<char, Directory::kMaxName + 1> from{};
  std::array<char, Directory::kMaxName + 1> to{};
  const size_t length = loader::counted_name(entry, to);
  if (length == 0) return;
  const auto counted = [&]() -> mm::Result<> {
    if (length >= to.size() || entry.file.size() >= from.size()) {
      return mm::Error{"its name would become too long (characters {})", "boot entry", length};
    }
    std::memcpy(from.data(), entry.file.data(), entry.file.size());
    const Directory directory = BATON_TRY(Directory::open(firmware, loader::kEntriesPath));
    if (!directory.there()) return mm::Error{"is not there any more", loader::kEntriesPath};
    return directory.rename(from.data(), to.data());
  }();
  if (!counted.ok())
    return findings.error("boot menu: the attempt is not counted", counted.error());
  findings.line("boot menu: {}: {} attempts are left", to.data(), *entry.tries_left - 1);
  Telling telling(firmware, findings);
  telling.line(u"LoaderBootCountPath", "LoaderBootCountPath", "{}\\{}", loader::kEntriesPath,
               to.data());
}

void tell_system(const Firmware& firmware, std::span<const BootEntry> entries,
                 const BootEntry& selected, uint64_t entered, const Printer& findings) {
  Telling telling(firmware, findings);
  telling.text(u"LoaderInfo", "LoaderInfo", "Baton " BATON_VERSION);
  telling.bytes(u"LoaderFeatures", "LoaderFeatures", &loader::kLoaderFeatures,
                sizeof(loader::kLoaderFeatures));
  tell_firmware(firmware, telling);
  tell_partition(firmware, telling);
  telling.told(tell_entries(firmware, entries, telling));
  std::array<char, Directory::kMaxName + 1> id;
  const size_t length = loader::loader_entry_id(selected, id);
  telling.text(u"LoaderEntrySelected", "LoaderEntrySelected", {id.data(), length});
  const uint64_t per_ms = counts_per_ms(firmware);
  telling.line(u"LoaderTimeInitUSec", "LoaderTimeInitUSec", "{}",
               loader::counter_microseconds(entered, per_ms));
  telling.line(u"LoaderTimeExecUSec", "LoaderTimeExecUSec", "{}",
               loader::counter_microseconds(read_counter(), per_ms));
}

}  // namespace efi
