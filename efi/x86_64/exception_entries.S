// Taking the GDT over, and what the CPU enters on an exception (Intel SDM vol. 3A chapters 3 and 6).

#define CODE_SELECTOR   8
#define DATA_SELECTOR   16
#define VECTORS         32

        .text

// load_gdt(rdi: limit and base): replaces the firmware's GDT and every selector of it.
        .globl  load_gdt
        .hidden load_gdt
        .type   load_gdt, @function
load_gdt:
        lgdt    (%rdi)
        mov     $DATA_SELECTOR, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        lldt    %ax
        popq    %rdx                    // return far, so that CS is reloaded too
        pushq   $CODE_SELECTOR
        pushq   %rdx
        lretq
        .size   load_gdt, . - load_gdt

// One entry of 16 bytes for each vector. Where the CPU pushes no error code a zero takes its place.
        .globl  exception_entries
        .hidden exception_entries
        .balign 16
exception_entries:
        .set    vector, 0
        .rept   VECTORS
        .balign 16
        .if     (vector == 8) || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
        .else
        pushq   $0
        .endif
        pushq   $vector
        jmp     exception_common
        .set    vector, vector + 1
        .endr

// On the stack: vector, error code, rip, cs, flags, rsp, ss.
        .balign 16
exception_common:
        cld
        mov     (%rsp), %rdi
        mov     8(%rsp), %rsi
        mov     16(%rsp), %rdx
        mov     %cr2, %rcx
        and     $~15, %rsp
        call    report_exception        // does not return
        ud2

        .section .note.GNU-stack, "", @progbits
