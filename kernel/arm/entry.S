// Where the kernel begins, its stacks, and where exceptions come in (ARM ARM DDI 0406C, section B1.8).
//
// Code runs in Supervisor mode and every exception is handled in System mode, whose stack pointer is
// another: so a stack that is too small faults into another one. The mode in which an exception begins
// has no stack, but a few words of its own (LocalHead::entries) to which its stack pointer leads.

#define STACK_SIZE 32768
#define EXCEPTIONS_STACK_SHIFT 14
#define EXCEPTIONS_STACK_SIZE (1 << EXCEPTIONS_STACK_SHIFT)
#define EMERGENCY_STACK_SIZE 8192

// Registers (exceptions.h): r0 to r12, sp, lr, a frame for backtraces, pc, cpsr.
#define REGISTERS_SIZE 88
#define AT_SP 52
#define AT_LR 56
#define AT_FRAME 60
#define AT_FRAME_LAST 72
#define AT_PC 80

#define AREA_BASE 0xf7800000
#define AREA_SIZE_SHIFT 17
#define MAIN_END (9 << 12)
#define EXCEPTIONS_END (20 << 12)

// LocalHead (seam/arch_inline.h).
#define HEAD_EMERGENCY_END 12
#define HEAD_ENTRIES 16
#define ENTRY_SIZE 32

#define SUPERVISOR 0x13
#define ABORT 0x17
#define UNDEFINED 0x1b
#define IRQ 0x12
#define FIQ 0x11
#define SYSTEM 0x1f

    .syntax unified
    .arm

.macro stack name, section, size
    .section \section, "aw", %nobits
    .balign 4096
    .globl \name
\name:
    .skip \size
    .globl \name\()_end
\name\()_end:
.endm

    stack boot_stack, .stack.boot, STACK_SIZE
    stack exceptions_stack, .stack.exceptions, EXCEPTIONS_STACK_SIZE
    stack emergency_stack, .stack.emergency, EMERGENCY_STACK_SIZE

.macro address register, symbol
    movw \register, #:lower16:\symbol
    movt \register, #:upper16:\symbol
.endm

// A page of its own, which is mapped at 0xffff0000 too: nothing in it depends on where it is.
    .section .vectors, "ax", %progbits
    .balign 4096
    .globl vectors
    .type vectors, %function
vectors:
    udf #0                          // reset: whoever jumps here has lost his way
    .irp kind, 1, 2, 3, 4, 5, 6, 7
    ldr pc, vector_place_\kind
    .endr
    .irp kind, 1, 2, 3, 4, 5, 6, 7
vector_place_\kind: .word vector_\kind
    .endr
    .size vectors, . - vectors

// The state is loader/handoff/handoff.h's: r0 is the handoff, interrupts are off.
    .section .text.entry, "ax", %progbits
    .globl kernel_entry
    .type kernel_entry, %function
kernel_entry:
    cpsid aif, #SYSTEM
    address sp, exceptions_stack_end
    cpsid aif, #SUPERVISOR
    address sp, boot_stack_end
    address r1, vectors
    mcr p15, 0, r1, c12, c0, 0      // VBAR, until there are vectors at 0xffff0000
    isb
    mov fp, #0                      // the chain of frames ends here
    mov lr, #0
    bl kernel_start
    udf #0
    .size kernel_entry, . - kernel_entry

// Where another CPU begins, by PSCI: r0 is its number, MMU and caches are off, and this runs at its
// physical address. It must lie in one page, which is mapped at its own address meanwhile.
    .balign 256
    .globl secondary_entry
    .type secondary_entry, %function
secondary_entry:
    cpsid aif, #SUPERVISOR
    adr r9, secondary_place
    ldr r10, [r9]
    add r9, r9, r10
    ldm r9, {r1, r2, r3, r4}        // TTBR0, DACR, SCTLR, where to go on
    mov r5, #0
    mcr p15, 0, r5, c2, c0, 2       // TTBCR
    mcr p15, 0, r1, c2, c0, 0
    mcr p15, 0, r2, c3, c0, 0
    isb
    mcr p15, 0, r5, c8, c7, 0       // TLBIALL
    mcr p15, 0, r5, c7, c5, 0       // ICIALLU
    mcr p15, 0, r5, c7, c5, 6       // BPIALL
    dsb
    isb
    mcr p15, 0, r3, c1, c0, 0
    isb
    bx r4
secondary_place:
    .word secondary_fields - secondary_place
    .size secondary_entry, . - secondary_entry

// At the kernel's addresses: r0 number.
    .text
    .globl secondary_mapped
    .type secondary_mapped, %function
secondary_mapped:
    address r1, AREA_BASE
    add r1, r1, r0, lsl #AREA_SIZE_SHIFT
    cpsid aif, #SYSTEM
    add sp, r1, #EXCEPTIONS_END
    cpsid aif, #SUPERVISOR
    add sp, r1, #MAIN_END
    mov fp, #0
    mov lr, #0
    bl secondary_start
    udf #0
    .size secondary_mapped, . - secondary_mapped

// set_entry_words(entries): where exceptions put their first words, in modes other than Supervisor.
    .globl set_entry_words
    .type set_entry_words, %function
set_entry_words:
    mrs r1, cpsr
    add r2, r0, #ENTRY_SIZE
    cpsid aif, #UNDEFINED
    mov sp, r2
    add r2, r2, #ENTRY_SIZE
    cps #ABORT
    mov sp, r2
    add r2, r2, #ENTRY_SIZE
    cps #IRQ
    mov sp, r2
    add r2, r2, #ENTRY_SIZE
    cps #FIQ
    mov sp, r2
    msr cpsr_c, r1
    bx lr
    .size set_entry_words, . - set_entry_words

// `back`: how far behind where it stopped lr is (table B1-7).
.macro vector kind, back
    .type vector_\kind, %function
vector_\kind:
    .if \back
    sub lr, lr, #\back
    .endif
    stm sp, {r0, lr}
    mrs r0, spsr
    str r0, [sp, #8]
    str r1, [sp, #12]
    mov r0, sp
    mov r1, #\kind
    b exception_common
    .size vector_\kind, . - vector_\kind
.endm
    vector 1, 4                     // undefined instruction
    vector 3, 4                     // prefetch abort
    vector 4, 8                     // data abort
    vector 5, 0                     // not used: of Hyp mode, where this does not run
    vector 6, 4                     // IRQ
    vector 7, 4                     // FIQ

// A supervisor call, which nothing here makes: in Supervisor mode itself, so that the stack pointer is the
// caller's. A register that is nobody's keeps r0.
    .type vector_2, %function
vector_2:
    mcr p15, 0, r0, c13, c0, 2      // TPIDRURW
    mrc p15, 0, r0, c13, c0, 4      // TPIDRPRW
    add r0, r0, #HEAD_ENTRIES
    sub lr, lr, #4
    str lr, [r0, #4]
    mrs lr, spsr
    str lr, [r0, #8]
    str r1, [r0, #12]
    mrc p15, 0, lr, c13, c0, 2
    str lr, [r0]
    mov r1, #2
    .size vector_2, . - vector_2

// r0: the words of this exception; r1: its kind. All else is as it was. In System mode its stack may
// have come to its end: below it one bit of the address is set.
    .type exception_common, %function
exception_common:
    cpsid aif, #SYSTEM
    sub sp, sp, #REGISTERS_SIZE
    tst sp, #EXCEPTIONS_STACK_SIZE
    bne exception_overflow
    stmib sp, {r1-r12}
    add r7, sp, #REGISTERS_SIZE
exception_saved:                    // r7: the stack pointer of System mode before
    mov r4, r1
    ldm r0, {r0, r1, r2, r3}        // r0, pc, cpsr, r1
    str r0, [sp]
    str r3, [sp, #4]
    mov r8, lr
    and r3, r2, #0x1f
    cmp r3, #SUPERVISOR
    bne 1f
    cps #SUPERVISOR
    mov r7, sp
    mov r8, lr
    cps #SYSTEM
1:  str r7, [sp, #AT_SP]
    str r8, [sp, #AT_LR]
    str fp, [sp, #AT_FRAME]
    str r7, [sp, #AT_FRAME + 4]
    str r1, [sp, #AT_FRAME + 8]
    str r1, [sp, #AT_FRAME_LAST]
    str r1, [sp, #AT_PC]
    str r2, [sp, #AT_PC + 4]
    add fp, sp, #AT_FRAME_LAST
    mov r0, sp
    mov r1, r4
    mov r5, sp
    bic sp, sp, #7                  // it was interrupted anywhere
    bl handle_exception
    mov sp, r5
    clrex                           // what was interrupted between a pair begins it again
    ldr lr, [sp, #AT_LR]            // System mode's, if that was interrupted
    ldm sp, {r0-r12}
    add sp, sp, #AT_PC
    rfeia sp!
    .size exception_common, . - exception_common

// On the stack for that; nothing returns.
    .type exception_overflow, %function
exception_overflow:
    str r7, [r0, #16]
    add r7, sp, #REGISTERS_SIZE
    mrc p15, 0, sp, c13, c0, 4
    ldr sp, [sp, #HEAD_EMERGENCY_END]
    sub sp, sp, #REGISTERS_SIZE
    stmib sp, {r1-r12}
    ldr r2, [r0, #16]
    str r2, [sp, #28]               // r7
    b exception_saved
    .size exception_overflow, . - exception_overflow

// let_due_calls(): what came while calls were held. Keeps all registers: who lets calls knows of no call.
    .globl let_due_calls
    .type let_due_calls, %function
let_due_calls:
    push {r0-r4, ip, lr}
    mov r4, sp
    bic sp, sp, #7
    bl take_calls_that_are_due
    mov sp, r4
    pop {r0-r4, ip, pc}
    .size let_due_calls, . - let_due_calls

// probe_load(address, value*): reads 8 bytes; r0 = 1, or 0 when that faulted.
    .globl probe_load
    .type probe_load, %function
probe_load:
    .globl probe_load_access
probe_load_access:
    ldrd r2, r3, [r0]
    strd r2, r3, [r1]
    mov r0, #1
    bx lr
    .size probe_load, . - probe_load

// probe_store(address, value): writes one byte; r0 = 1, or 0 when that faulted.
    .globl probe_store
    .type probe_store, %function
probe_store:
    .globl probe_store_access
probe_store_access:
    strb r1, [r0]
    mov r0, #1
    bx lr
    .size probe_store, . - probe_store

// ask_host(operation, parameters): semihosting (Arm's "Semihosting for AArch32 and AArch64"), by hlt, of
// which the assembler wants a later architecture; without a host that listens it is undefined, and r0 = 0.
    .globl ask_host
    .type ask_host, %function
ask_host:
    .globl ask_host_access
ask_host_access:
    .inst 0xe10f0070                // hlt #0xf000
    bx lr
    .size ask_host, . - ask_host

    .globl probe_failed
    .type probe_failed, %function
probe_failed:
    mov r0, #0
    bx lr
    .size probe_failed, . - probe_failed

// call_smc, call_hvc(function, three arguments): Arm's SMC calling convention, DEN 0028.
.macro conduit name, instruction
    .globl \name
    .type \name, %function
\name:
    .inst \instruction
    bx lr
    .size \name, . - \name
.endm
    conduit call_smc, 0xe1600070
    conduit call_hvc, 0xe1400070

    .section .note.GNU-stack, "", %progbits
