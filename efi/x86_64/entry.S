// Where the firmware enters: efi_entry(rcx image handle, rdx system table), called as UEFI 2.10
// section 2.3.4 says. Firmware that keeps less of it than it should is met with less trust: flags
// that our code or the CPU would mind are cleared, and the stack is aligned, as firmware that we
// call may rely on what it did not give us. GNU-EFI's start code, which relocates the image and
// calls efi_main, loses rdi and rsi, which a caller by UEFI's convention wants back.

#define FLAG_DF         (1 << 10)       // string instructions run backwards
#define FLAG_NT         (1 << 14)       // iretq faults
#define FLAG_AC         (1 << 18)       // SMAP is off

        .text
        .globl  efi_entry
        .hidden efi_entry
        .type   efi_entry, @function
efi_entry:
        push    %rbp
        mov     %rsp, %rbp
        push    %rdi
        push    %rsi
        pushfq
        and     $~15, %rsp
        pushfq
        andq    $~(FLAG_DF | FLAG_NT | FLAG_AC), (%rsp)
        popfq
        call    _start                  // rcx and rdx are as they came; eax is the status
        lea     -24(%rbp), %rsp
        popfq
        pop     %rsi
        pop     %rdi
        pop     %rbp
        ret
        .size   efi_entry, . - efi_entry

        .section .note.GNU-stack, "", @progbits
