// switch_worlds(jump, handoff, page_tables, entry, stack_top, cr4, has_nx), cdecl: the last of ours.
// `cr4`: PAE or PSE, by the form of the tables.
//
// What it jumps to was copied to the page `jump` (efi/protocols/baton.cpp), which alone is at its own
// address in both worlds: it turns the firmware's paging off, whichever form that has, and ours on,
// which may have the other. NX must be on before tables that use it are live, and write protection before anything runs that
// trusts read-only pages. Intel SDM vol. 3A section 4.1.2.

#define EFER            0xc0000080
#define EFER_LME        (1 << 8)
#define EFER_NXE        (1 << 11)
#define CR0_PG          (1 << 31)
#define CR0_WP          (1 << 16)
#define CR4_PSE         (1 << 4)
#define CR4_PAE         (1 << 5)
#define CR4_PGE         (1 << 7)
#define CR4_CET         (1 << 23)
#define CR4_LA57        (1 << 12)       // heeded in long mode only, whose tables have four levels here
#define WIDE_CODE       8               // selectors, and the descriptors' halves
#define WIDE_DATA       16
#define FLAT_LOW        0x0000ffff
#define HANDOFF_DIRECT_MAP 184          // loader/handoff/handoff.h
#define WIDE_CODE_HIGH  0x00af9b00
#define WIDE_DATA_HIGH  0x00cf9300

// A firmware's CET (Intel SDM vol. 1, chapter 17) ends before anything is jumped to: its shadow stack is not
// the kernel's, and what is jumped to need not begin with ENDBR32.
        .macro  leave_cet
        mov     %cr4, %eax
        and     $~CR4_CET, %eax
        mov     %eax, %cr4
        .endm

        .text
        .globl  switch_worlds
        .hidden switch_worlds
        .type   switch_worlds, @function
switch_worlds:
        cli
        cld
        leave_cet
        mov     8(%esp), %esi           // handoff
        mov     12(%esp), %edi          // CR3
        mov     16(%esp), %ebx          // entry
        mov     20(%esp), %ebp          // top of stack
        mov     24(%esp), %edx          // of CR4
        mov     28(%esp), %ecx          // whether the CPU has NX
        jmp     *4(%esp)
        .size   switch_worlds, . - switch_worlds

// switch_to_long_mode(jump, handoff, page_tables, low half of entry, stack_top, has_nx): the same into
// a kernel of 64 bits. Its world has the stack at its own address, too, where the GDT is; the kernel gets
// it in the direct map. Intel SDM vol. 3A section 9.8.5.
        .globl  switch_to_long_mode
        .hidden switch_to_long_mode
        .type   switch_to_long_mode, @function
switch_to_long_mode:
        cli
        cld
        leave_cet
        mov     4(%esp), %ebp           // jump
        mov     8(%esp), %esi           // handoff
        mov     12(%esp), %edi          // CR3
        mov     16(%esp), %ebx          // entry
        mov     24(%esp), %ecx          // whether the CPU has NX
        mov     20(%esp), %esp
        push    $0                      // aligns the GDT, and the stack
        push    $0
        push    $WIDE_DATA_HIGH         // the GDT, from its end on
        push    $FLAT_LOW
        push    $WIDE_CODE_HIGH
        push    $FLAT_LOW
        push    $0
        push    $0
        mov     %esp, %eax
        push    %eax
        pushw   $(3 * 8 - 1)
        lgdt    (%esp)
        add     $6, %esp
        lea     (long_start - jump_start)(%ebp), %eax
        jmp     *%eax
        .size   switch_to_long_mode, . - switch_to_long_mode

        .globl  jump_start, jump_end
        .hidden jump_start, jump_end
jump_start:
        mov     %cr0, %eax
        and     $~CR0_PG, %eax
        mov     %eax, %cr0
        mov     %cr4, %eax
        and     $~(CR4_PGE | CR4_PAE | CR4_PSE), %eax
        or      %edx, %eax
        mov     %eax, %cr4
        jecxz   1f
        mov     $EFER, %ecx
        rdmsr
        or      $EFER_NXE, %eax
        wrmsr
1:      mov     %edi, %cr3
        mov     %cr0, %eax
        or      $(CR0_PG | CR0_WP), %eax
        mov     %eax, %cr0
        mov     %ebp, %esp
        mov     %esi, %eax
        xor     %ebp, %ebp              // the outermost frame
        push    $0                      // nobody to return to
        jmp     *%ebx

long_start:
        mov     %cr0, %eax
        and     $~CR0_PG, %eax
        mov     %eax, %cr0
        mov     %cr4, %eax
        and     $~(CR4_PGE | CR4_LA57), %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     %edi, %cr3
        mov     %ecx, %edi
        mov     $EFER, %ecx
        rdmsr
        or      $EFER_LME, %eax
        test    %edi, %edi
        jz      1f
        or      $EFER_NXE, %eax
1:      wrmsr
        mov     %cr0, %eax
        or      $(CR0_PG | CR0_WP), %eax
        mov     %eax, %cr0
        lea     (long_code - jump_start)(%ebp), %eax
        push    $WIDE_CODE
        push    %eax
        lret
        .code64
long_code:
        mov     $WIDE_DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %esp, %esp              // of all registers the upper halves are undefined
        mov     %esi, %edi
        add     HANDOFF_DIRECT_MAP(%rdi), %rsp
        movslq  %ebx, %rax
        xor     %ebp, %ebp              // the outermost frame
        pushq   $0                      // nobody to return to; aligns the stack as a call does
        jmp     *%rax
        .code32
jump_end:

        .section .note.GNU-stack, "", @progbits
