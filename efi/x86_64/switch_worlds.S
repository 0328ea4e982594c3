// switch_worlds(rdi handoff, rsi CR3, rdx entry, rcx top of stack, r8 whether the CPU has NX)
//
// NX must be on before tables that use it are live (without it the bit is reserved and faults), and
// write protection before anything runs that trusts read-only pages. Everything up to the last
// instruction is mapped at its own address in both worlds. A firmware's CET (Intel SDM vol. 1, chapter 17)
// ends here: its shadow stack is not the kernel's, whose entry point need not begin with ENDBR64.

#define EFER            0xc0000080
#define EFER_NXE        (1 << 11)
#define CR0_WP          (1 << 16)
#define CR4_PGE         (1 << 7)
#define CR4_CET         (1 << 23)

        .text
        .globl  switch_worlds
        .hidden switch_worlds
        .type   switch_worlds, @function
switch_worlds:
        cli
        cld
        mov     %rdx, %r9               // rdmsr takes rdx and rcx
        mov     %rcx, %r10

        test    %r8, %r8
        jz      1f
        mov     $EFER, %ecx
        rdmsr
        or      $EFER_NXE, %eax
        wrmsr
1:      mov     %cr0, %rax
        or      $CR0_WP, %rax
        mov     %rax, %cr0

        // Global pages would outlive the change of CR3: none while it happens.
        mov     %cr4, %rax
        and     $~CR4_CET, %rax
        mov     %rax, %r11
        and     $~CR4_PGE, %rax
        mov     %rax, %cr4
        mov     %rsi, %cr3
        mov     %r11, %cr4

        mov     %r10, %rsp
        xor     %ebp, %ebp              // the outermost frame
        pushq   $0                      // nobody to return to; aligns the stack as a call does
        jmp     *%r9
        .size   switch_worlds, . - switch_worlds

        .section .note.GNU-stack, "", @progbits
