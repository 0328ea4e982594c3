# Where another CPU begins: in real mode at the start of a page below 1 MiB, to which this is copied,
# or at long_start in long mode, where the firmware wakes it by a mailbox. What differs between
# machines is written to the fields at the end (start_cpus.cpp); all addresses here are offsets.

# Intel SDM vol. 3A, sections 9.4 (what INIT and a start-up command leave) and 10.8.5 (long mode).
    .section .rodata.trampoline, "a", @progbits
    .balign 16
    .globl trampoline_start, trampoline_end, trampoline_long, trampoline_fields
trampoline_start:
    .code16
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl (gdt_register - trampoline_start)
    mov (field_cr4 - trampoline_start), %eax
    mov %eax, %cr4
    mov (field_root - trampoline_start), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    mov (field_efer - trampoline_start), %eax
    xor %edx, %edx
    wrmsr
    mov (field_cr0 - trampoline_start), %eax
    mov %eax, %cr0              # protection, paging and with them long mode at once
    ljmpl *(field_far - trampoline_start)

    .code64
trampoline_long:
    mov $0xc0000080, %ecx       # entries say no-execute, which faults where that is off
    rdmsr
    or field_efer(%rip), %eax
    wrmsr
    mov field_root(%rip), %eax
    mov %rax, %cr3
trampoline_high:
    movabs $secondary_entry, %rax
    jmp *%rax

    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff    # flat code, 64 bits
    .quad 0x00cf93000000ffff
gdt_register:
    .word gdt_register - gdt - 1
trampoline_fields:
field_gdt:  .long gdt - trampoline_start                # + the page's address, by start_cpus.cpp
field_far:  .long trampoline_high - trampoline_start    # likewise
            .word 0x08
            .word 0
field_root: .long 0
field_cr4:  .long 0
field_efer: .long 0
field_cr0:  .long 0
trampoline_end:

# The same for every CPU: no stack yet, many at once. Who am I, is asked of the CPU, and my number
# looked up.
    .text
    .globl secondary_entry
    .type secondary_entry, @function
secondary_entry:
    cli
    cld
    mov secondary_root(%rip), %rax
    mov %rax, %cr3
    xor %eax, %eax
    cpuid
    cmp $0xb, %eax
    jb 1f
    mov $0xb, %eax              # the whole x2APIC id, where there is one
    xor %ecx, %ecx
    cpuid
    mov %edx, %esi
    test $0xffff, %ebx
    jnz 2f
1:  mov $1, %eax
    xor %ecx, %ecx
    cpuid
    shr $24, %ebx
    mov %ebx, %esi
2:  mov secondary_cpus(%rip), %rdi
    mov secondary_count(%rip), %ecx
3:  jecxz 4f
    cmp %esi, (%rdi)
    je 5f
    add secondary_stride(%rip), %rdi
    dec %ecx
    jmp 3b
4:  hlt                         # nobody asked for this one
    jmp 4b
5:  mov 4(%rdi), %edi
    mov %edi, %eax
    shl $17, %rax               # kAreaSize
    mov $0xffffffffc0009000, %rdx   # kAreaBase, and where an area's first stack ends
    lea (%rdx,%rax), %rsp
    xor %ebp, %ebp
    push $0
    push $0
    call secondary_start
    ud2
    .size secondary_entry, . - secondary_entry

    .section .note.GNU-stack, "", @progbits
