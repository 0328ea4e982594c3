#include "efi/own_variables.h"

#include <bit>

namespace efi {
namespace {

CHAR16* name_of(const OwnVariable& variable) {
  return reinterpret_cast<CHAR16*>(const_cast<char16_t*>(variable.name));  // only read
}
EFI_GUID vendor_of(const OwnVariable& variable) { return std::bit_cast<EFI_GUID>(variable.vendor); }

}  // namespace

mm::Result<std::optional<size_t>> read_variable(const Firmware& firmware,
                                                const OwnVariable& variable,
                                                std::span<uint8_t> out) {
  UINTN size = out.size();
  EFI_GUID guid = vendor_of(variable);
  const EFI_STATUS status = firmware.system->RuntimeServices->GetVariable(
      name_of(variable), &guid, nullptr, &size, out.data());
  if (status == EFI_NOT_FOUND || status == EFI_UNSUPPORTED) return std::optional<size_t>{};
  if (status != EFI_SUCCESS) return failed("cannot be read", variable.called, status);
  if (size > out.size()) {
    return mm::Error{
        "the firmware says that it was read, and is larger than there was room for "
        "(bytes {}, room {})",
        variable.called, size, out.size()};
  }
  return std::optional<size_t>{size};
}

mm::Result<> write_variable(const Firmware& firmware, const OwnVariable& variable,
                            std::span<const uint8_t> content, Lasts lasts) {
  constexpr UINT32 kVolatile = EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;
  const UINT32 attributes =
      lasts == Lasts::ForGood ? kVolatile | EFI_VARIABLE_NON_VOLATILE : kVolatile;
  EFI_GUID guid = vendor_of(variable);
  const EFI_STATUS status = firmware.system->RuntimeServices->SetVariable(
      name_of(variable), &guid, attributes, content.size(),
      const_cast<uint8_t*>(content.data()));  // only read
  if (status == EFI_SUCCESS || status == EFI_UNSUPPORTED) return {};
  return failed("cannot be written", variable.called, status);
}

mm::Result<> delete_variable(const Firmware& firmware, const OwnVariable& variable) {
  EFI_GUID guid = vendor_of(variable);
  const EFI_STATUS status =
      firmware.system->RuntimeServices->SetVariable(name_of(variable), &guid, 0, 0, nullptr);
  if (status != EFI_SUCCESS) return failed("cannot be deleted", variable.called, status);
  return {};
}

}  // namespace efi
