# Where the kernel begins, its stacks, and where exceptions come in.

#define STACK_SIZE 32768
#define FAULT_STACK_SIZE 16384

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
    stack nmi_stack, .stack.nmi, FAULT_STACK_SIZE
    stack double_fault_stack, .stack.double_fault, FAULT_STACK_SIZE
    stack machine_check_stack, .stack.machine_check, FAULT_STACK_SIZE
    stack page_fault_stack, .stack.page_fault, FAULT_STACK_SIZE

# The state is loader/handoff/handoff.h's: rdi is the handoff, interrupts are off.
    .section .text.entry, "ax", @progbits
    .globl kernel_entry
    .type kernel_entry, @function
kernel_entry:
    cli
    cld
    lea boot_stack_end(%rip), %rsp
    xor %ebp, %ebp              # the chain of frames ends here
    push $0
    push $0
    call kernel_start
    ud2
    .size kernel_entry, . - kernel_entry

# load_segments(): the kernel's selectors into every segment register.
    .text
    .globl load_segments
    .type load_segments, @function
load_segments:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    pop %rax
    push $0x08
    push %rax
    lretq
    .size load_segments, . - load_segments

# Debuggers see from the stubs what was interrupted, by the frame information for them alone. Of an
# interrupt's frame the CPU has pushed ss, rsp, rflags, cs and rip, and `further` bytes came behind.
    .cfi_sections .debug_frame
.macro interrupted further
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa rsp, 40 + \further
    .cfi_offset rip, -40
    .cfi_offset rsp, -16
.endm
.macro put value
    push $\value
    .cfi_adjust_cfa_offset 8
.endm
.macro keep register
    push %\register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
.endm
.macro take_back register
    pop %\register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
.endm

# One stub a vector, 16 bytes each: every one leaves the same Registers (exceptions.h) on the stack.
# Some vectors come with an error code from the CPU; the rest get a 0.
    .balign 16
    .globl exception_stubs
    .type exception_stubs, @function
exception_stubs:
    .irp number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .balign 16
    .if (\number != 8) && (\number < 10 || \number > 14) && (\number != 17) && (\number != 21) && (\number != 29) && (\number != 30)
    interrupted 0
    put 0
    .else
    interrupted 8
    .endif
    put \number
    jmp exception_common
    .cfi_endproc
    .endr
    .size exception_stubs, . - exception_stubs

# For the vectors above 31: those that local_apic.h, machine_check.h and arch_inline.h name, and any
# other, which comes as 256.
.macro interrupt name, number
    .balign 16
    .globl \name
    .type \name, @function
\name:
    interrupted 0
    put 0
    put \number
    jmp exception_common
    .cfi_endproc
    .size \name, . - \name
.endm
    interrupt timer_stub, 0xef
    interrupt call_stub, 0xfb
    interrupt machine_check_stub, 0xf9
    interrupt due_stub, 0xfc
    interrupt spurious_stub, 0xff
    interrupt interrupt_stub, 256

    .type exception_common, @function
exception_common:
    interrupted 16
    keep rax
    keep rbx
    keep rcx
    keep rdx
    keep rsi
    keep rdi
    keep rbp
    keep r8
    keep r9
    keep r10
    keep r11
    keep r12
    keep r13
    keep r14
    keep r15
    cld
    mov %rsp, %rdi
    call handle_exception
    take_back r15
    take_back r14
    take_back r13
    take_back r12
    take_back r11
    take_back r10
    take_back r9
    take_back r8
    take_back rbp
    take_back rdi
    take_back rsi
    take_back rdx
    take_back rcx
    take_back rbx
    take_back rax
    add $16, %rsp
    .cfi_adjust_cfa_offset -16
    iretq
    .cfi_endproc
    .size exception_common, . - exception_common

# probe_load(address, value*): reads 8 bytes; eax = 1, or 0 when that faulted.
    .globl probe_load
    .type probe_load, @function
probe_load:
    .globl probe_load_access
probe_load_access:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
    .globl probe_load_failed
probe_load_failed:
    xor %eax, %eax
    ret
    .size probe_load, . - probe_load

# probe_msr(register, value*): reads it; eax = 1, or 0 when that faulted.
    .globl probe_msr
    .type probe_msr, @function
probe_msr:
    mov %edi, %ecx
    .globl probe_msr_access
probe_msr_access:
    rdmsr
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
    .globl probe_msr_failed
probe_msr_failed:
    xor %eax, %eax
    ret
    .size probe_msr, . - probe_msr

# probe_store(address, value): writes one byte; eax = 1, or 0 when that faulted.
    .globl probe_store
    .type probe_store, @function
probe_store:
    .globl probe_store_access
probe_store_access:
    mov %sil, (%rdi)
    mov $1, %eax
    ret
    .globl probe_store_failed
probe_store_failed:
    xor %eax, %eax
    ret
    .size probe_store, . - probe_store

# probe_call(address): calls code that returns; eax = 1, or 0 when fetching it faulted. The fault
# comes with rip = address; the handler sees probe_call_return on top of the stack.
    .globl probe_call
    .type probe_call, @function
probe_call:
    push %rbp
    mov %rsp, %rbp
    call *%rdi
    .globl probe_call_return
probe_call_return:
    mov $1, %eax
    pop %rbp
    ret
    .globl probe_call_failed
probe_call_failed:
    xor %eax, %eax
    pop %rbp
    ret
    .size probe_call, . - probe_call

# attempt_run(run, context, stack*): calls run(context); eax = 1, or 0 when a machine check ended it.
# Meanwhile *stack is where the registers to go on with are kept.
    .globl attempt_run
    .type attempt_run, @function
attempt_run:
    push %rbp
    mov %rsp, %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdx
    mov %rsp, (%rdx)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    mov $1, %eax
0:
    pop %rdx
    movq $0, (%rdx)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .globl attempt_failed
attempt_failed:
    xor %eax, %eax
    jmp 0b
    .size attempt_run, . - attempt_run

    .section .note.GNU-stack, "", @progbits
