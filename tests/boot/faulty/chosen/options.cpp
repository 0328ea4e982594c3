// Load options of every shape.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

constexpr char16_t kText[] = u"poweroff from-load-options";

void give(EFI_LOADED_IMAGE& baton, const void* options, UINT64 size) {
  baton.LoadOptions = const_cast<void*>(options);
  baton.LoadOptionsSize = static_cast<UINT32>(size);
}

EFI_STATUS odd_size(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  give(baton, kText, sizeof kText - 1);
  return EFI_SUCCESS;
}

// Not even aligned.
EFI_STATUS at_odd_address(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  static UINT8 bytes[sizeof kText + 1];
  CopyMem(bytes + 1, kText, sizeof kText);
  give(baton, bytes + 1, sizeof kText);
  return EFI_SUCCESS;
}

// As many bytes as the number says, one letter over and over, and no NUL.
EFI_STATUS letters(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  void* place = nullptr;
  const EFI_STATUS status =
      services.AllocatePool(EfiLoaderData, static_cast<UINTN>(number), &place);
  if (EFI_ERROR(status)) return status;
  for (UINT64 i = 0; i < number; ++i) static_cast<UINT8*>(place)[i] = i % 2 == 0 ? 'x' : 0;
  give(baton, place, number);
  return EFI_SUCCESS;
}

EFI_STATUS binary(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  static UINT8 bytes[300];
  for (UINTN i = 0; i < sizeof bytes; ++i) bytes[i] = static_cast<UINT8>(i * 7 + 128);
  give(baton, bytes, sizeof bytes);
  return EFI_SUCCESS;
}

EFI_STATUS nuls(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  static UINT8 bytes[64];
  give(baton, bytes, sizeof bytes);
  return EFI_SUCCESS;
}

EFI_STATUS null_with_size(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  give(baton, nullptr, number);
  return EFI_SUCCESS;
}

EFI_STATUS size_is(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  give(baton, kText, number);
  return EFI_SUCCESS;
}

EFI_STATUS somewhere(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  give(baton, reinterpret_cast<void*>(static_cast<UINTN>(number)), 64);
  return EFI_SUCCESS;
}

constexpr Bend kBends[] = {
    {"options-odd-size", odd_size}, {"options-odd-address", at_odd_address},
    {"options-letters", letters},   {"options-binary", binary},
    {"options-nuls", nuls},         {"options-null", null_with_size},
    {"options-size", size_is},      {"options-at", somewhere},
};

}  // namespace

std::span<const Bend> option_bends() { return kBends; }

}  // namespace faulty::chosen
