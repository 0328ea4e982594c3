#include "efi/memory_attributes.h"

namespace efi {
namespace {

constexpr EFI_GUID kMemoryAttribute = {
    0xf4560cf6, 0x40ec, 0x4b4a, {0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89}};
constexpr uint64_t kExecuteProtect = 0x4000;
constexpr uint64_t kReadOnly = 0x20000;

struct MemoryAttribute {
  using Change = EFI_STATUS(EFIAPI*)(MemoryAttribute*, EFI_PHYSICAL_ADDRESS start, uint64_t size,
                                     uint64_t attributes);
  void* get;
  Change set;
  Change clear;
};

}  // namespace

mm::Result<bool> make_executable(const Firmware& firmware, mm::Range pages) {
  const char* const what = "memory for code";
  auto* const attributes = protocol_anywhere<MemoryAttribute>(firmware, kMemoryAttribute);
  if (attributes == nullptr) return false;
  EFI_STATUS status = attributes->set(attributes, pages.start.v, pages.size(), kReadOnly);
  // Of memory whose attributes do not change nothing was taken away either.
  if (status == EFI_UNSUPPORTED) return false;
  if (status != EFI_SUCCESS) return failed("cannot be made read-only", what, status);
  status = attributes->clear(attributes, pages.start.v, pages.size(), kExecuteProtect);
  if (status == EFI_SUCCESS) return true;
  // Who gets it back writes into it.
  attributes->clear(attributes, pages.start.v, pages.size(), kReadOnly);
  return failed("cannot be made executable", what, status);
}

}  // namespace efi
