// Firmware that has turned five-level paging on, which OVMF does not do by itself: Baton must keep
// to as many levels as it meets. Only for machines whose RAM ends below 4 GiB.
#include "tests/boot/faulty/faulty.h"

// CR4.LA57 can only change while paging is off, which long mode does not allow: so down to 32 bits
// and back (Intel SDM vol. 3A section 4.5). Code, stack and tables lie below 4 GiB and at their own
// addresses. edi: the new CR3.
asm(R"(
        .text
enter_five_levels:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushfq
        cli
        movl    %cs, %eax
        pushq   %rax
        subq    $16, %rsp
        sgdt    6(%rsp)
        subq    $16, %rsp
        leaq    five_levels_gdt(%rip), %rax
        movq    %rax, 8(%rsp)
        movw    $23, 6(%rsp)
        lgdt    6(%rsp)
        addq    $16, %rsp
        leaq    2f(%rip), %rsi
        leaq    1f(%rip), %rax
        pushq   $8
        pushq   %rax
        lretq

        .code32
1:      movl    %cr0, %eax
        btrl    $31, %eax
        movl    %eax, %cr0
        movl    %cr4, %eax
        btsl    $12, %eax
        movl    %eax, %cr4
        movl    %edi, %cr3
        movl    %cr0, %eax
        btsl    $31, %eax
        movl    %eax, %cr0
        pushl   $16
        pushl   %esi
        lretl

        .code64
2:      movl    %esp, %esp              # the upper half is undefined after 32-bit code
        lgdt    6(%rsp)
        addq    $16, %rsp
        leaq    3f(%rip), %rax
        pushq   %rax
        lretq                           # to it, and to the CS pushed at first
3:      popfq
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret

        .section .rodata
        .balign 8
five_levels_gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      # 32-bit code
        .quad   0x00af9b000000ffff      # 64-bit code
        .text
)");

extern "C" void enter_five_levels(UINT32 page_tables);

namespace faulty {
namespace {

bool has_five_levels() {
  UINT32 a = 7;
  UINT32 b = 0;
  UINT32 c = 0;
  UINT32 d = 0;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (c & 1U << 16) != 0;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  constexpr UINT64 kPresentAndWritable = 3;
  if (!has_five_levels()) return EFI_UNSUPPORTED;
  EFI_PHYSICAL_ADDRESS root = 0xffff'ffff;
  const EFI_STATUS status =
      services.AllocatePages(AllocateMaxAddress, EfiBootServicesData, 1, &root);
  if (EFI_ERROR(status)) return status;
  UINT64 four_levels = 0;
  asm volatile("mov %%cr3, %0" : "=r"(four_levels));
  auto* const entries = reinterpret_cast<UINT64*>(root);
  for (UINTN i = 0; i < 512; ++i) entries[i] = 0;
  entries[0] = (four_levels & ~UINT64{0xfff}) | kPresentAndWritable;
  enter_five_levels(static_cast<UINT32>(root));
  return EFI_SUCCESS;
}

}  // namespace faulty
