// switch_worlds(jump, handoff, page_tables, entry, stack_top, has_nx), cdecl: the last of ours.
//
// What it jumps to was copied to the page `jump` (efi/protocols/baton.cpp), which alone is at its own
// address in both worlds: it turns the firmware's paging off, whichever form that has, and ours on.
// NX must be on before tables that use it are live, and write protection before anything runs that
// trusts read-only pages. Intel SDM vol. 3A section 4.1.2.

#define EFER            0xc0000080
#define EFER_NXE        (1 << 11)
#define CR0_PG          (1 << 31)
#define CR0_WP          (1 << 16)
#define CR4_PAE         (1 << 5)
#define CR4_PGE         (1 << 7)

        .text
        .globl  switch_worlds
        .hidden switch_worlds
        .type   switch_worlds, @function
switch_worlds:
        cli
        cld
        mov     8(%esp), %esi           // handoff
        mov     12(%esp), %edi          // CR3
        mov     16(%esp), %ebx          // entry
        mov     20(%esp), %ebp          // top of stack
        mov     24(%esp), %ecx          // whether the CPU has NX
        jmp     *4(%esp)
        .size   switch_worlds, . - switch_worlds

        .globl  jump_start, jump_end
        .hidden jump_start, jump_end
jump_start:
        mov     %cr0, %eax
        and     $~CR0_PG, %eax
        mov     %eax, %cr0
        mov     %cr4, %eax
        and     $~CR4_PGE, %eax
        or      $CR4_PAE, %eax
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
jump_end:

        .section .note.GNU-stack, "", @progbits
