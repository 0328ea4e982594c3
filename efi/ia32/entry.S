// Where the firmware enters: efi_entry(image handle, system table), cdecl (UEFI 2.10 section 2.3.2).
// The image was linked for address 0 and relocates itself: words of its own that hold an address in
// it, and there are no other relocations (tools/check_efi). Flags that our code would mind are
// cleared, and the caller's come back with its registers.

#define R_386_RELATIVE  8
#define FLAG_DF         (1 << 10)       // string instructions run backwards
#define FLAG_NT         (1 << 14)       // iret switches tasks
#define FLAG_AC         (1 << 18)       // SMAP is off

        .text
        .globl  efi_entry
        .hidden efi_entry
        .type   efi_entry, @function
efi_entry:
        push    %ebp
        mov     %esp, %ebp
        push    %ebx
        push    %esi
        push    %edi
        pushfl
        pushfl
        andl    $~(FLAG_DF | FLAG_NT | FLAG_AC), (%esp)
        popfl
        call    0f
0:      pop     %ebx
        add     $_GLOBAL_OFFSET_TABLE_ + (. - 0b), %ebx
        lea     image_base@GOTOFF(%ebx), %ecx
        lea     image_rel_start@GOTOFF(%ebx), %esi
        lea     image_rel_end@GOTOFF(%ebx), %edi
1:      cmp     %edi, %esi
        jae     2f
        mov     (%esi), %edx            // place
        cmpb    $R_386_RELATIVE, 4(%esi)
        lea     8(%esi), %esi
        jne     1b
        add     %ecx, (%ecx, %edx)
        jmp     1b
2:      and     $~15, %esp
        sub     $8, %esp                // aligned once the arguments are there
        push    12(%ebp)
        push    8(%ebp)
        call    efi_main
        lea     -16(%ebp), %esp
        popfl
        pop     %edi
        pop     %esi
        pop     %ebx
        pop     %ebp
        ret
        .size   efi_entry, . - efi_entry

        .section .note.GNU-stack, "", @progbits
