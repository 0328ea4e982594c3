// A firmware that protects memory: it has the protocol by which that is changed, and says when pages have
// been made read-only and then executable. (Nothing is protected: what matters is that it is asked.)
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

struct MemoryAttribute {
  using Change = EFI_STATUS(EFIAPI*)(MemoryAttribute*, UINT64 start, UINT64 size,
                                     UINT64 attributes);
  void* get;
  Change set;
  Change clear;
};

constexpr UINT64 kExecuteProtect = 0x4000;
constexpr UINT64 kReadOnly = 0x20000;

UINT64 read_only_start = 0;
UINT64 read_only_size = 0;

EFI_STATUS EFIAPI set(MemoryAttribute* /*self*/, UINT64 start, UINT64 size, UINT64 attributes) {
  if (attributes != kReadOnly || size == 0 || (start | size) % 4096 != 0) {
    Print(utf16(u"faulty: what is set is odd\n"));
    return EFI_INVALID_PARAMETER;
  }
  read_only_start = start;
  read_only_size = size;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI clear(MemoryAttribute* /*self*/, UINT64 start, UINT64 size, UINT64 attributes) {
  if (attributes != kExecuteProtect || start != read_only_start || size != read_only_size) {
    Print(utf16(u"faulty: what is cleared is odd\n"));
    return EFI_INVALID_PARAMETER;
  }
  Print(utf16(u"faulty: read-only pages were made executable\n"));
  return EFI_SUCCESS;
}

MemoryAttribute protocol{nullptr, set, clear};

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GUID id = {0xf4560cf6, 0x40ec, 0x4b4a, {0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89}};
  EFI_HANDLE handle = nullptr;
  return services.InstallProtocolInterface(&handle, &id, EFI_NATIVE_INTERFACE, &protocol);
}

}  // namespace faulty
