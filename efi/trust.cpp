#include "efi/trust.h"

#include <array>
#include <cstring>
#include <string_view>

#include "efi/device_path.h"
#include "kernel_id.h"
#include "loader/arch.h"
#include "loader/trust/sha256.h"
#include "loader/trust/words.h"

namespace efi {

struct ShimLock {
  EFI_STATUS (*verify)(const void* buffer, uint32_t size);
};

namespace {

// shim's own protocol: by whom it may be asked, and how. Its functions have the calling convention of
// its compiler, not the firmware's.
constexpr EFI_GUID kShimLock = {
    0x605dab50, 0xe046, 0x4300, {0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23}};
constexpr size_t kMostForShim = 0x7fff'ffff;

// By shim where it is there, as the owner's keys are its own (MOK) then; by the firmware's LoadImage
// else. What is loaded is given back, never started.
mm::Result<> verify_image(const Firmware& firmware, const ShimLock* shim, const File& file,
                          const char* path) {
  if (shim != nullptr) {
    if (file.size > kMostForShim) return mm::Error{"is too large (bytes {})", path, file.size};
    const EFI_STATUS status = shim->verify(file.pages.as<void>(), static_cast<uint32_t>(file.size));
    if (status != EFI_SUCCESS) return failed("shim does not accept its signature", path, status);
    return {};
  }
  const Pages full = BATON_TRY(device_path_of(firmware, path));
  EFI_HANDLE image = nullptr;
  const EFI_STATUS status = firmware.boot->LoadImage(
      0, firmware.image, reinterpret_cast<EFI_DEVICE_PATH*>(full.as<uint8_t>()),
      file.pages.as<void>(), file.size, &image);
  // An image that violates the policy may stay loaded (UEFI 2.10 section 7.4, LoadImage).
  if (image != nullptr) firmware.boot->UnloadImage(image);
  if (status != EFI_SUCCESS)
    return failed("the firmware does not accept its signature", path, status);
  return {};
}

}  // namespace

Trust Trust::meet(const Firmware& firmware, const Volume& volume, const mm::Printer& findings) {
  Trust trust;
  if (!firmware.secure_boot) return trust;
  trust.enforced_ = true;
  trust.shim_ = protocol_anywhere<ShimLock>(firmware, kShimLock);
  // One for each architecture, as firmware looks at no other's images.
  std::array<char, 40> name;
  (void)mm::format(name, "\\EFI\\baton\\manifest{}.efi", loader::entry_architecture());
  const char* const path = name.data();
  const auto there = volume.has(path);
  if (there.ok() && !there.value()) {
    findings.line("Secure Boot is on: what Baton carries is covered, and nothing else");
    return trust;
  }
  auto file = there.ok() ? volume.read(firmware, path) : mm::Result<File>(there.error());
  const auto verified = file.ok() ? verify_image(firmware, trust.shim_, file.value(), path)
                                  : mm::Result<>(file.error());
  const auto manifest = verified.ok() ? loader::Manifest::read(file.value().bytes(), path)
                                      : mm::Result<loader::Manifest>(verified.error());
  if (!manifest.ok()) {
    findings.error("Secure Boot is on: the manifest is not used", manifest.error());
    return trust;
  }
  trust.file_ = std::move(file.value());
  trust.manifest_ = manifest.value();
  findings.line("Secure Boot is on: by {}", path);
  return trust;
}

mm::Result<> Trust::check_kernel(const File& file, const char* path) const {
  if (!enforced_) return {};
  // Shims before version 16 end a machine at ExitBootServices whose boot loader has asked about nothing.
  // The answer does not count: a kernel of ours is no PE image.
  if (shim_ != nullptr && file.size <= kMostForShim) {
    shim_->verify(file.pages.as<void>(), static_cast<uint32_t>(file.size));
  }
  const loader::Digest digest = loader::sha256(file.bytes());
  for (const char* const built : {BATON_KERNEL_SHA256, BATON_WIDE_KERNEL_SHA256}) {
    if (loader::digest_of(built) == digest) return {};
  }
  if (manifest_.covers_file(path, digest)) return {};
  return mm::Error{
      "is not what Baton was built with, and in no manifest: refused, as Secure Boot is on", path};
}

mm::Result<> Trust::check(const File& file, const char* path) const {
  if (!enforced_ || manifest_.covers_file(path, loader::sha256(file.bytes()))) return {};
  return mm::Error{"is in no manifest: refused, as Secure Boot is on", path};
}

mm::Result<> Trust::confine(const Firmware& firmware, Configuration& configuration,
                            const mm::Printer& findings) const {
  if (!enforced_) return {};
  const std::string_view options = configuration.values.options;
  Pages kept = BATON_TRY(allocate(firmware, options.size() + 1, "options"));
  loader::keep_trusted_words(options, manifest_, kept.span<char>(), findings);
  configuration.values.options = kept.as<char>();
  configuration.load_options = std::move(kept);
  return {};
}

}  // namespace efi
