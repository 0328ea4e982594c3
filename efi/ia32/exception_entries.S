// Taking the GDT over, and what the CPU enters on an exception (Intel SDM vol. 3A chapters 3 and 6).

#define CODE_SELECTOR   8
#define DATA_SELECTOR   16
#define VECTORS         32
#define DOUBLE_FAULT    8

        .text

// load_gdt(limit and base): replaces the firmware's GDT and every selector of it.
        .globl  load_gdt
        .hidden load_gdt
        .type   load_gdt, @function
load_gdt:
        mov     4(%esp), %eax
        lgdt    (%eax)
        mov     $DATA_SELECTOR, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        xor     %eax, %eax
        lldt    %ax
        pop     %edx                    // return far, so that CS is reloaded too
        push    $CODE_SELECTOR
        push    %edx
        lret
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
        push    $0
        .endif
        push    $vector
        jmp     exception_common
        .set    vector, vector + 1
        .endr

// On the stack: vector, error code, eip, cs, flags.
        .balign 16
exception_common:
        cld
        mov     %esp, %esi
        mov     %cr2, %eax
        and     $~15, %esp
        push    %eax
        push    8(%esi)
        push    4(%esi)
        push    (%esi)
        call    report_exception        // does not return
        ud2

// Where the task of double faults begins, on a stack of its own: what the stack was cannot be used.
        .globl  double_fault_entry
        .hidden double_fault_entry
double_fault_entry:
        cld
        push    $DOUBLE_FAULT
        call    report_double_fault     // does not return
        ud2

        .section .note.GNU-stack, "", @progbits
