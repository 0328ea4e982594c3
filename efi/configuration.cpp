#include "efi/configuration.h"

#include <string_view>

#include "efi/arch.h"
#include "efi/live.h"
#include "kernel_id.h"
#include "loader/own_kernel.h"
#include "mm/option_words.h"

namespace efi {
namespace {

// UEFI Shell 2.2 section 2.3: an image the shell starts has this protocol.
constexpr EFI_GUID kShellParameters = {
    0x752f3136, 0x4e16, 0x4fdc, {0xa2, 0x2a, 0xe5, 0xf4, 0x68, 0x12, 0xf4, 0xca}};

// A variable of the firmware's, from which they come, is hardly ever larger than 64 KiB.
constexpr uint32_t kMostLoadOptions = mm::kMiB;

mm::Result<> take_load_options(const Firmware& firmware, Configuration& configuration,
                               const mm::Printer& findings) {
  const EFI_LOADED_IMAGE& image = *firmware.loaded;
  if (image.LoadOptions == nullptr || image.LoadOptionsSize == 0) return {};
  const uint32_t size = image.LoadOptionsSize;
  const mm::Phys start{reinterpret_cast<uintptr_t>(image.LoadOptions)};
  if (size > kMostLoadOptions || !mapped({start, start + size})) {
    findings.error("ignored", mm::Error{"cannot be read (address {:#x}, bytes {})", "load options",
                                        start.v, size});
    return {};
  }
  Pages pages = BATON_TRY(allocate(firmware, size / 2 + 1, "load options"));
  const bool from_shell = protocol_on<void>(firmware, firmware.image, kShellParameters) != nullptr;
  const auto options = loader::parse_load_options(
      {static_cast<const uint8_t*>(image.LoadOptions), size}, from_shell, pages.span<char>());
  if (!options.ok()) {
    findings.error("ignored", options.error());
  } else if (options.value().has_value()) {
    configuration.values.options = *options.value();
    configuration.load_options = std::move(pages);
    findings.line("options from the boot entry: {}", configuration.values.options);
  }
  return {};
}

// Takes the kernel with that id's name, or with 64 behind its name where there is no id, if it is
// there: whether it is. Where it cannot be looked for, that is named.
mm::Result<bool> take_kernel(const Firmware& firmware, const Volume& volume,
                             Configuration& configuration, std::string_view id,
                             const mm::Printer& findings) {
  const std::string_view path = configuration.named_kernel;
  const size_t size = path.size() + id.size() + 3;
  Pages pages = BATON_TRY(allocate(firmware, size, "the kernel's path"));
  if (id.empty()) {
    loader::wide_kernel_path(path, pages.span<char>());
  } else {
    loader::own_kernel_path(path, id, pages.span<char>());
  }
  const auto there = volume.has(pages.as<char>());
  if (!there.ok()) findings.error("not looked for", there.error());
  if (!there.ok() || !there.value()) return false;
  configuration.values.kernel = pages.as<char>();
  configuration.own_kernel = std::move(pages);
  return true;
}

}  // namespace

mm::Result<Configuration> read_configuration(const Firmware& firmware, const Volume& volume,
                                             const mm::Printer& findings) {
  Configuration configuration;
  if (BATON_TRY(volume.has(kConfigPath))) {
    configuration.file = BATON_TRY(volume.read(firmware, kConfigPath));
    configuration.values = loader::parse_config(configuration.file.text(), kConfigPath, findings);
  } else {
    findings.line("{}: not there; going on with defaults", kConfigPath);
  }
  configuration.in_file = configuration.values.options;
  BATON_TRY(take_load_options(firmware, configuration, findings));
  configuration.named_kernel = configuration.values.kernel;
  BATON_TRY(take_kernel(firmware, volume, configuration, BATON_KERNEL_ID, findings));
  return configuration;
}

mm::Result<> choose_width(const Firmware& firmware, const Volume& volume,
                          Configuration& configuration, const mm::Printer& out) {
  constexpr const char* kId = BATON_WIDE_KERNEL_ID;
  if (*kId == '\0') return {};  // ours is no firmware of 32 bits on such a CPU
  const std::string_view options = configuration.values.options;
  if (mm::has_option_word(options, "nomixed")) {
    out.line("mixed mode: off, as the options say");
    return {};
  }
  if (!examine_cpu(firmware).wide) {
    out.line("mixed mode: the CPU has 32 bits only");
    return {};
  }
  if (BATON_TRY(take_kernel(firmware, volume, configuration, kId, out))) return {};
  // Where the 32-bit one is of this build by name, another of another build may be of any version.
  const bool by_name = configuration.own_kernel.size() != 0;
  if (by_name || !BATON_TRY(take_kernel(firmware, volume, configuration, {}, out))) {
    out.line("mixed mode: there is no kernel of 64 bits beside {}", configuration.named_kernel);
  }
  return {};
}

}  // namespace efi
