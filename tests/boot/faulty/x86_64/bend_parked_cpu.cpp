// A firmware that parks the CPU with APIC id 1 and wakes it by a mailbox (ACPI 6.5 section
// 5.2.12.19): when boot services end it is sent to wait there, in memory that the firmware keeps.
#include "tests/boot/faulty/faulty.h"

// Where the CPU begins, in real mode at the start of a page, and where it waits, in long mode. What
// it is told stands at the end.
asm(R"(
    .pushsection .rodata
    .balign 16
    .globl park_begin, park_long, park_fields, park_end
park_begin:
    .code16
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl (park_gdt_register - park_begin)
    mov (park_root - park_begin), %eax
    mov %eax, %cr3
    mov $0x20, %eax
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    mov $0x100, %eax
    xor %edx, %edx
    wrmsr
    mov $0x80000011, %eax
    mov %eax, %cr0
    ljmpl *(park_far - park_begin)
    .code64
park_long:
    mov park_mailbox(%rip), %rbx
1:  pause
    cmpw $1, (%rbx)
    jne 1b
    cmpl $1, 4(%rbx)
    jne 1b
    mov 8(%rbx), %rax
    movw $0, (%rbx)
    jmp *%rax
    .balign 8
park_gdt:
    .quad 0, 0x00af9b000000ffff
park_gdt_register:
    .word 15
park_fields:
    .long park_gdt - park_begin
park_far:
    .long park_long - park_begin
    .word 8, 0
park_root:
    .long 0
park_mailbox:
    .quad 0
park_end:
    .popsection
)");

extern "C" {
extern UINT8 park_begin[], park_long[], park_fields[], park_end[];
}

namespace faulty {
namespace {

// As the assembler has it.
struct __attribute__((packed)) Fields {
  UINT32 gdt, far;
  UINT16 selector, zero;
  UINT32 root;
  UINT64 mailbox;
};

EFI_EXIT_BOOT_SERVICES true_exit = nullptr;
UINT64 park_page = 0;

void command(UINT32 low) {
  constexpr UINT64 kApic = 0xfee00000;
  *reinterpret_cast<volatile UINT32*>(kApic + 0x310) = 1u << 24;
  *reinterpret_cast<volatile UINT32*>(kApic + 0x300) = low;
}

void wait_a_while() {
  for (UINT32 i = 0; i < 3'000'000; ++i) asm volatile("pause");
}

EFI_STATUS EFIAPI bent_exit(EFI_HANDLE image, UINTN key) {
  const EFI_STATUS status = true_exit(image, key);
  if (EFI_ERROR(status)) return status;
  command(0x4500);  // INIT
  wait_a_while();
  command(0x4600 | static_cast<UINT32>(park_page >> 12));
  wait_a_while();
  return status;
}

// Pages that nobody takes away, below `limit`.
UINT64 keep(EFI_BOOT_SERVICES& services, UINTN pages, UINT64 limit) {
  EFI_PHYSICAL_ADDRESS place = limit;
  if (EFI_ERROR(services.AllocatePages(AllocateMaxAddress, EfiACPIMemoryNVS, pages, &place))) {
    return 0;
  }
  for (UINT64 i = 0; i < pages * 4096; ++i) at<UINT8>(place + i) = 0;
  return place;
}

// The first 4 GiB at their own addresses, in pages of 2 MiB.
void map_low(UINT64 root) {
  at<UINT64>(root) = (root + 4096) | 3;
  for (UINT64 gib = 0; gib < 4; ++gib) {
    const UINT64 table = root + (2 + gib) * 4096;
    at<UINT64>(root + 4096 + 8 * gib) = table | 3;
    for (UINT64 i = 0; i < 512; ++i) at<UINT64>(table + 8 * i) = (gib << 30 | i << 21) | 0x83;
  }
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  park_page = keep(services, 1, 0x9f000 - 1);
  const UINT64 root = keep(services, 6, 0xffffffff);
  const UINT64 mailbox = keep(services, 1, 0xffffffff);
  if (park_page == 0 || root == 0 || mailbox == 0) return EFI_OUT_OF_RESOURCES;
  map_low(root);
  const auto size = static_cast<UINT64>(park_end - park_begin);
  for (UINT64 i = 0; i < size; ++i) at<UINT8>(park_page + i) = park_begin[i];
  auto& fields = at<Fields>(park_page + static_cast<UINT64>(park_fields - park_begin));
  fields.gdt += static_cast<UINT32>(park_page);
  fields.far += static_cast<UINT32>(park_page);
  fields.root = static_cast<UINT32>(root);
  fields.mailbox = mailbox;
  struct __attribute__((packed)) {
    UINT8 type = 16, length = 16;
    UINT16 version = 0;
    UINT32 reserved = 0;
    UINT64 mailbox = 0;
  } entry;
  entry.mailbox = mailbox;
  const EFI_STATUS status = add_madt_entry(services, reinterpret_cast<const UINT8*>(&entry));
  if (EFI_ERROR(status)) return status;
  true_exit = services.ExitBootServices;
  services.ExitBootServices = bent_exit;
  return seal(services);
}

}  // namespace faulty
