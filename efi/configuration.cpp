#include "efi/configuration.h"

#include <string_view>

#include "kernel_id.h"
#include "loader/own_kernel.h"

namespace efi {
namespace {

// UEFI Shell 2.2 section 2.3: an image the shell starts has this protocol.
constexpr EFI_GUID kShellParameters = {
    0x752f3136, 0x4e16, 0x4fdc, {0xa2, 0x2a, 0xe5, 0xf4, 0x68, 0x12, 0xf4, 0xca}};

mm::Result<> take_load_options(const Firmware& firmware, Configuration& configuration,
                               const mm::Printer& findings) {
  const EFI_LOADED_IMAGE& image = *firmware.loaded;
  if (image.LoadOptions == nullptr || image.LoadOptionsSize == 0) return {};
  const uint32_t size = image.LoadOptionsSize;
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

// A volume on which it cannot even be looked for tells that of the kernel itself.
mm::Result<> prefer_own_kernel(const Firmware& firmware, const Volume& volume,
                               Configuration& configuration) {
  constexpr std::string_view kId = BATON_KERNEL_ID;
  const std::string_view path = configuration.values.kernel;
  const size_t size = path.size() + kId.size() + 2;
  Pages pages = BATON_TRY(allocate(firmware, size, "the kernel's path"));
  loader::own_kernel_path(path, kId, pages.span<char>());
  const auto there = volume.has(pages.as<char>());
  if (!there.ok() || !there.value()) return {};
  configuration.values.kernel = pages.as<char>();
  configuration.own_kernel = std::move(pages);
  return {};
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
  BATON_TRY(prefer_own_kernel(firmware, volume, configuration));
  return configuration;
}

}  // namespace efi
