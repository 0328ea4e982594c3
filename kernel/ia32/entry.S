# Where the kernel begins, its stacks, and where exceptions come in.

#define STACK_SIZE 32768
#define FAULT_STACK_SIZE 16384
#define DIRECT_MAP 0xc0000000           // kNarrowDirectMap

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
    stack double_fault_stack, .stack.double_fault, FAULT_STACK_SIZE

# The state is loader/handoff/handoff.h's: eax is the handoff, interrupts are off.
    .section .text.entry, "ax", @progbits
    .globl kernel_entry
    .type kernel_entry, @function
kernel_entry:
    cli
    cld
    mov $boot_stack_end - 12, %esp      # aligned once the argument is there
    xor %ebp, %ebp                      # the chain of frames ends here
    add $DIRECT_MAP, %eax
    push %eax
    call kernel_start
    ud2
    .size kernel_entry, . - kernel_entry

# load_segments(): the kernel's selectors into every segment register but fs, which is a CPU's own.
    .text
    .globl load_segments
    .type load_segments, @function
load_segments:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %gs
    mov %eax, %ss
    mov $0x28, %eax                     # kLocalSelector
    mov %eax, %fs
    pop %eax
    push $0x08
    push %eax
    lret
    .size load_segments, . - load_segments

# Debuggers see from the stubs what was interrupted, by the frame information for them alone. Of an
# interrupt's frame the CPU has pushed eflags, cs and eip, and `further` bytes came behind.
    .cfi_sections .debug_frame
.macro interrupted further
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa esp, 12 + \further
    .cfi_offset eip, -12
.endm
.macro put value
    push $\value
    .cfi_adjust_cfa_offset 4
.endm

# One stub a vector, 16 bytes each: every one leaves the same Registers (seam/registers.h) on the
# stack. Some vectors come with an error code from the CPU; the rest get a 0.
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
    interrupted 4
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
    interrupted 8
    pusha
    .cfi_adjust_cfa_offset 32
    .cfi_offset eax, -24
    .cfi_offset ecx, -28
    .cfi_offset edx, -32
    .cfi_offset ebx, -36
    .cfi_offset ebp, -44
    .cfi_offset esi, -48
    .cfi_offset edi, -52
    put 0                               # nowhere else to go on
    cld
    push %esp
    .cfi_adjust_cfa_offset 4
    call handle_exception
    add $4, %esp
    .cfi_adjust_cfa_offset -4
    pop %eax
    .cfi_adjust_cfa_offset -4
    test %eax, %eax
    jnz 1f
    popa
    .cfi_adjust_cfa_offset -32
    .irp register, eax, ecx, edx, ebx, ebp, esi, edi
    .cfi_restore \register
    .endr
    add $8, %esp
    .cfi_adjust_cfa_offset -8
    iret
    .cfi_endproc
1:  mov %eax, %esp                      # what to go on with lies there (go_on()); debuggers see nothing here
    iret
    .size exception_common, . - exception_common

# Where the task of double faults begins, on a stack of its own. What it found is in the other task's
# segment.
    .globl double_fault_entry
    .type double_fault_entry, @function
double_fault_entry:
    cld
    xor %ebp, %ebp
    call handle_double_fault
    ud2
    .size double_fault_entry, . - double_fault_entry

# probe_load(address, value*): reads 8 bytes; eax = 1, or 0 when that faulted. At either access the
# stack is as a function's that has saved nothing.
    .globl probe_load
    .type probe_load, @function
probe_load:
    mov 4(%esp), %ecx
    .globl probe_load_access
probe_load_access:
    mov (%ecx), %eax
    .globl probe_load_second_access
probe_load_second_access:
    mov 4(%ecx), %edx
    mov 8(%esp), %ecx
    mov %eax, (%ecx)
    mov %edx, 4(%ecx)
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
    mov 4(%esp), %ecx
    .globl probe_msr_access
probe_msr_access:
    rdmsr
    mov 8(%esp), %ecx
    mov %eax, (%ecx)
    mov %edx, 4(%ecx)
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
    mov 4(%esp), %ecx
    mov 8(%esp), %eax
    .globl probe_store_access
probe_store_access:
    mov %al, (%ecx)
    mov $1, %eax
    ret
    .globl probe_store_failed
probe_store_failed:
    xor %eax, %eax
    ret
    .size probe_store, . - probe_store

# attempt_run(run, context, stack*): calls run(context); eax = 1, or 0 when a machine check ended it.
# Meanwhile *stack is where the registers to go on with are kept.
    .globl attempt_run
    .type attempt_run, @function
attempt_run:
    push %ebp
    mov %esp, %ebp
    push %ebx
    push %esi
    push %edi
    mov 16(%ebp), %edx
    push %edx
    mov %esp, (%edx)
    push 12(%ebp)
    call *8(%ebp)
    add $4, %esp
    mov $1, %eax
0:
    pop %edx
    movl $0, (%edx)
    pop %edi
    pop %esi
    pop %ebx
    pop %ebp
    ret
    .globl attempt_failed
attempt_failed:
    xor %eax, %eax
    jmp 0b
    .size attempt_run, . - attempt_run

    .section .note.GNU-stack, "", @progbits
