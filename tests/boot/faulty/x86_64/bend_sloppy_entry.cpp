// Baton is entered with the direction flag, NT and AC set and its stack 8 bytes off. Should it come
// back, the registers that are the caller's by UEFI's convention must be as they were.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

EFI_HANDLE handle_of(EFI_BOOT_SERVICES& services, const EFI_LOADED_IMAGE& image) {
  EFI_GUID loaded_image_id = LOADED_IMAGE_PROTOCOL;
  UINTN count = 0;
  EFI_HANDLE* handles = nullptr;
  if (EFI_ERROR(
          services.LocateHandleBuffer(ByProtocol, &loaded_image_id, nullptr, &count, &handles))) {
    return nullptr;
  }
  for (UINTN i = 0; i < count; ++i) {
    void* found = nullptr;
    if (services.HandleProtocol(handles[i], &loaded_image_id, &found) == EFI_SUCCESS &&
        found == &image) {
      return handles[i];
    }
  }
  return nullptr;
}

// AddressOfEntryPoint in a PE image's optional header.
UINT64 entry_of(const EFI_LOADED_IMAGE& image) {
  const auto* base = static_cast<const UINT8*>(image.ImageBase);
  const UINT32 pe = *reinterpret_cast<const UINT32*>(base + 0x3c);
  return reinterpret_cast<UINT64>(base) + *reinterpret_cast<const UINT32*>(base + pe + 24 + 16);
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  constexpr UINT64 kMarkD = 0xd1d1'd1d1'd1d1'd1d1, kMarkS = 0x5151'5151'5151'5151;
  const EFI_HANDLE handle = handle_of(services, baton);
  if (handle == nullptr) return EFI_NOT_FOUND;
  UINT64 status = entry_of(baton);
  UINT64 di = kMarkD;
  UINT64 si = kMarkS;
  auto* c = reinterpret_cast<void*>(handle);
  auto* d = reinterpret_cast<void*>(baton.SystemTable);
  asm volatile(
      "mov %%rsp, %%rbx\n\t"
      "and $~15, %%rsp\n\t"
      "sub $40, %%rsp\n\t"  // 32 for the callee, and 8 too many
      "pushfq\n\torq $0x44400, (%%rsp)\n\tpopfq\n\t"
      "call *%%rax\n\t"
      "pushfq\n\tandq $~0x44400, (%%rsp)\n\tpopfq\n\t"
      "mov %%rbx, %%rsp"
      : "+a"(status), "+D"(di), "+S"(si), "+c"(c), "+d"(d)
      :
      : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
  Print(utf16(u"faulty: rdi and rsi are %s\n"),
        utf16(di == kMarkD && si == kMarkS ? u"as they were" : u"lost"));
  return EFI_ERROR(status) ? status : EFI_ABORTED;
}

}  // namespace faulty
