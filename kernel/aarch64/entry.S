// Where the kernel begins, its stacks, and where exceptions come in (Arm ARM, section D1.3).

#include "loader/handoff/aarch64/enter_el1.inc"

#define STACK_SIZE 32768
#define EXCEPTIONS_STACK_SHIFT 14
#define EXCEPTIONS_STACK_SIZE (1 << EXCEPTIONS_STACK_SHIFT)
#define EMERGENCY_STACK_SIZE 8192

// Registers (exceptions.h): x0 to x30, sp, elr, spsr, esr, far, and a frame for backtraces.
#define REGISTERS_SIZE 304
#define AT_SP 248
#define AT_ELR 256
#define AT_ESR 272
#define AT_FRAME 288

#define AREA_BASE 0xffffffffc0000000
#define AREA_SIZE_SHIFT 17
#define MAIN_END (9 << 12)
#define EXCEPTIONS_END (20 << 12)

.macro stack name, section, size
    .section \section, "aw", @nobits
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
    adrp \register, \symbol
    add \register, \register, :lo12:\symbol
.endm

// The state is loader/handoff/handoff.h's: x0 is the handoff, interrupts are off.
    .section .text.entry, "ax", @progbits
    .globl kernel_entry
    .type kernel_entry, @function
kernel_entry:
    msr daifset, #0xf
    msr spsel, #1
    address x1, exceptions_stack_end
    mov sp, x1
    msr spsel, #0
    address x1, boot_stack_end
    mov sp, x1
    address x1, vectors
    msr vbar_el1, x1
    isb
    mov x29, #0                 // the chain of frames ends here
    mov x30, #0
    bl kernel_start
    brk #0
    .size kernel_entry, . - kernel_entry

// Where another CPU begins, by PSCI: x0 is its number, the MMU is off, and this runs at its physical
// address. It must lie in one page, the one that secondary_idmap maps at its own address.
    .balign 1024
    .globl secondary_entry
    .type secondary_entry, @function
secondary_entry:
    msr daifset, #0xf
    enter_el1 x9, x10
    msr spsel, #1
    address x9, secondary_fields
    ldp x1, x2, [x9], #16       // MAIR, TCR
    ldp x3, x4, [x9], #16       // TTBR0, TTBR1
    ldp x5, x6, [x9], #16       // SCTLR, CPACR
    ldp x7, x8, [x9]            // TTBR0 from then on, where to go on
    msr mair_el1, x1
    msr tcr_el1, x2
    msr ttbr0_el1, x3
    msr ttbr1_el1, x4
    msr cpacr_el1, x6
    isb
    tlbi vmalle1
    dsb nsh
    ic iallu
    dsb nsh
    isb
    msr sctlr_el1, x5
    isb
    br x8
    .size secondary_entry, . - secondary_entry

// At the kernel's addresses: x0 number, x7 root of the lower half.
    .text
    .globl secondary_mapped
    .type secondary_mapped, @function
secondary_mapped:
    msr ttbr0_el1, x7
    isb
    tlbi vmalle1
    dsb nsh
    isb
    ldr x1, =AREA_BASE
    add x1, x1, x0, lsl #AREA_SIZE_SHIFT
    ldr x2, =EXCEPTIONS_END
    add x2, x1, x2
    mov sp, x2
    msr spsel, #0
    ldr x2, =MAIN_END
    add x2, x1, x2
    mov sp, x2
    address x1, vectors
    msr vbar_el1, x1
    isb
    mov x29, #0
    mov x30, #0
    bl secondary_start
    brk #0
    .size secondary_mapped, . - secondary_mapped

// From each of the four: synchronous, IRQ, FIQ, SError.
.macro vector kind, common
    .balign 128
    sub sp, sp, #REGISTERS_SIZE
    stp x0, x1, [sp]
    mov x0, #\kind
    b \common
.endm
// On SP_EL1 already, which may have come to its end: below its stack one bit of the address is set.
// No register is free to look at it, so x0 waits in the difference.
.macro nested_vector kind
    .balign 128
    sub sp, sp, #REGISTERS_SIZE
    add sp, sp, x0
    sub x0, sp, x0
    tbnz x0, #EXCEPTIONS_STACK_SHIFT, 1f
    sub x0, sp, x0
    sub sp, sp, x0
    stp x0, x1, [sp]
    mov x0, #\kind
    b exception_nested
1:  mov x1, x0
    mov x0, #\kind
    b exception_overflow
.endm

    .balign 2048
    .type vectors, @function
vectors:
    vector 0, exception_outer
    vector 1, exception_outer
    vector 2, exception_outer
    vector 3, exception_outer
    nested_vector 0
    nested_vector 1
    nested_vector 2
    nested_vector 3
    // From EL0, where nothing runs.
    .rept 2
    vector 4, exception_outer
    vector 5, exception_outer
    vector 6, exception_outer
    vector 7, exception_outer
    .endr
    .size vectors, . - vectors

.macro save_rest
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    str x30, [sp, #240]
.endm

    .type exception_outer, @function
exception_outer:
    save_rest
    mrs x1, sp_el0
    b exception_common
    .size exception_outer, . - exception_outer

// The stack of exceptions has come to its end; x0 and x1 are lost, and nothing returns. Where it came
// to waits in a register that is nobody's.
    .type exception_overflow, @function
exception_overflow:
    add x1, x1, #REGISTERS_SIZE
    msr tpidr_el0, x1
    mrs x1, tpidr_el1
    ldr x1, [x1, #16]           // LocalHead::emergency_end
    mov sp, x1
    sub sp, sp, #REGISTERS_SIZE
    stp xzr, xzr, [sp]
    save_rest
    mrs x1, tpidr_el0
    b exception_common
    .size exception_overflow, . - exception_overflow

    .type exception_nested, @function
exception_nested:
    save_rest
    add x1, sp, #REGISTERS_SIZE
exception_common:
    mrs x2, elr_el1
    mrs x3, spsr_el1
    mrs x4, esr_el1
    mrs x5, far_el1
    str x1, [sp, #AT_SP]
    stp x2, x3, [sp, #AT_ELR]
    stp x4, x5, [sp, #AT_ESR]
    stp x29, x2, [sp, #AT_FRAME]
    add x29, sp, #AT_FRAME
    mov x1, x0
    mov x0, sp
    bl handle_exception
    ldp x2, x3, [sp, #AT_ELR]
    msr elr_el1, x2
    msr spsr_el1, x3
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldr x30, [sp, #240]
    add sp, sp, #REGISTERS_SIZE
    eret
    .size exception_nested, . - exception_nested

// probe_load(address, value*): reads 8 bytes; w0 = 1, or 0 when that faulted.
    .globl probe_load
    .type probe_load, @function
probe_load:
    .globl probe_load_access
probe_load_access:
    ldr x2, [x0]
    str x2, [x1]
    mov w0, #1
    ret
    .size probe_load, . - probe_load

// probe_store(address, value): writes one byte; w0 = 1, or 0 when that faulted.
    .globl probe_store
    .type probe_store, @function
probe_store:
    .globl probe_store_access
probe_store_access:
    strb w1, [x0]
    mov w0, #1
    ret
    .size probe_store, . - probe_store

// ask_host(operation, parameters): semihosting (Arm's "Semihosting for AArch32 and AArch64"); without
// a host that listens the instruction is undefined, and w0 = 0.
    .globl ask_host
    .type ask_host, @function
ask_host:
    .globl ask_host_access
ask_host_access:
    hlt #0xf000
    ret
    .size ask_host, . - ask_host

    .globl probe_failed
    .type probe_failed, @function
probe_failed:
    mov w0, #0
    ret
    .size probe_failed, . - probe_failed

// call_smc, call_hvc(function, three arguments): Arm's SMC calling convention, DEN 0028.
.macro conduit name, instruction
    .globl \name
    .type \name, @function
\name:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    \instruction #0
    ldp x29, x30, [sp], #16
    ret
    .size \name, . - \name
.endm
    conduit call_smc, smc
    conduit call_hvc, hvc

    .section .note.GNU-stack, "", @progbits
