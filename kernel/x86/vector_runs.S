// Sweeps of memory under test by vector registers: loads that go through the caches, stores that go
// past them. The only code of the kernel that has such registers: nobody keeps them when a CPU is
// interrupted, so no interrupt may use them. Interface: vector_runs.h.
//
// Lengths are multiples of 64 bytes, a line; so are addresses. In 64 bits arguments come in registers,
// in 32 each takes 8 bytes of the stack, of which an address and a length need half.

#ifdef __x86_64__
#define START %rdi
#define VALUE %rdx
#define AFTER %rcx
#define AT %rax
#define END %rsi
#define FOUND %r8d
#define TO %rdi
#define FROM %rsi
#define TO_END %rdx
#else
#define START 4(%esp)
#define VALUE 20(%esp)
#define AFTER 28(%esp)
#define AT %eax
#define END %edx
#define FOUND %ecx
#define TO %eax
#define FROM %ecx
#define TO_END %edx
#endif

    .macro function name
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .endm
    .macro end name
    .size \name, . - \name
    .endm

    // AT is the start, END what is behind the last byte.
    .macro begin
    mov START, AT
#ifndef __x86_64__
    mov 12(%esp), END
#endif
    add AT, END
    .endm
    // AT is how many bytes that was, of either width.
    .macro leave_with_bytes
#ifndef __x86_64__
    xor %edx, %edx
#endif
    ret
    .endm

    // --- SSE2: xmm0 is what a word holds, xmm1 what it shall hold. ---------------------------------
    .macro both_sse2 from, to
    movq \from, \to
    punpcklqdq \to, \to
    .endm
    // Whether the line at `at` holds xmm0, as zero.
    .macro differs_sse2 at
    movdqa (\at), %xmm2
    movdqa 16(\at), %xmm3
    movdqa 32(\at), %xmm4
    movdqa 48(\at), %xmm5
    pcmpeqd %xmm0, %xmm2
    pcmpeqd %xmm0, %xmm3
    pcmpeqd %xmm0, %xmm4
    pcmpeqd %xmm0, %xmm5
    pand %xmm3, %xmm2
    pand %xmm5, %xmm4
    pand %xmm4, %xmm2
    pmovmskb %xmm2, FOUND
    xor $0xffff, FOUND
    .endm
    .macro store_sse2 at, v
    movntdq \v, (\at)
    movntdq \v, 16(\at)
    movntdq \v, 32(\at)
    movntdq \v, 48(\at)
    .endm
    .macro copy_sse2
    movdqa (FROM), %xmm2
    movdqa 16(FROM), %xmm3
    movdqa 32(FROM), %xmm4
    movdqa 48(FROM), %xmm5
    movntdq %xmm2, (TO)
    movntdq %xmm3, 16(TO)
    movntdq %xmm4, 32(TO)
    movntdq %xmm5, 48(TO)
    .endm
    .macro done_sse2
    .endm

    // --- AVX2: the same in ymm0 and ymm1. ----------------------------------------------------------
    .macro both_avx2 from, to
    vmovq \from, \to
    .ifc \to, %xmm0
    vpbroadcastq %xmm0, %ymm0
    .else
    vpbroadcastq %xmm1, %ymm1
    .endif
    .endm
    .macro differs_avx2 at
    vpcmpeqq (\at), %ymm0, %ymm2
    vpcmpeqq 32(\at), %ymm0, %ymm3
    vpand %ymm3, %ymm2, %ymm2
    vpmovmskb %ymm2, FOUND
    xor $-1, FOUND
    .endm
    .macro store_avx2 at, v
    .ifc \v, %xmm0
    vmovntdq %ymm0, (\at)
    vmovntdq %ymm0, 32(\at)
    .else
    vmovntdq %ymm1, (\at)
    vmovntdq %ymm1, 32(\at)
    .endif
    .endm
    .macro copy_avx2
    vmovdqa (FROM), %ymm2
    vmovdqa 32(FROM), %ymm3
    vmovntdq %ymm2, (TO)
    vmovntdq %ymm3, 32(TO)
    .endm
    .macro done_avx2
    vzeroupper
    .endm

    // --- The sweeps, for each. ---------------------------------------------------------------------
    .macro sweeps form
    // fill(at, bytes, value)
    function vector_fill_\form
    both_\form VALUE, %xmm0
    begin
1:  cmp END, AT
    jae 2f
    store_\form AT, %xmm0
    add $64, AT
    jmp 1b
2:  sfence
    done_\form
    ret
    end vector_fill_\form

    // copy(to, from, bytes)
    function vector_copy_\form
#ifndef __x86_64__
    mov 4(%esp), TO
    mov 12(%esp), FROM
    mov 20(%esp), TO_END
#endif
    add TO, TO_END
1:  cmp TO_END, TO
    jae 2f
    copy_\form
    add $64, FROM
    add $64, TO
    jmp 1b
2:  sfence
    done_\form
    ret
    end vector_copy_\form

    // same(at, bytes, value)
    function vector_same_\form
    both_\form VALUE, %xmm0
    begin
1:  cmp END, AT
    jae 2f
    differs_\form AT
    jnz 2f
    add $64, AT
    jmp 1b
2:  sub START, AT
    done_\form
    leave_with_bytes
    end vector_same_\form

    // turn_up(at, bytes, before, after)
    function vector_turn_up_\form
    both_\form VALUE, %xmm0
    both_\form AFTER, %xmm1
    begin
1:  cmp END, AT
    jae 2f
    differs_\form AT
    jnz 2f
    store_\form AT, %xmm1
    add $64, AT
    jmp 1b
2:  sub START, AT
    sfence
    done_\form
    leave_with_bytes
    end vector_turn_up_\form

    // turn_down(at, bytes, before, after)
    function vector_turn_down_\form
    both_\form VALUE, %xmm0
    both_\form AFTER, %xmm1
    begin
    mov END, AT
1:  cmp START, AT
    jbe 2f
    sub $64, AT
    differs_\form AT
    jnz 3f
    store_\form AT, %xmm1
    jmp 1b
3:  add $64, AT
2:  sub AT, END
    mov END, AT
    sfence
    done_\form
    leave_with_bytes
    end vector_turn_down_\form
    .endm

    .text
    sweeps sse2
    sweeps avx2

    .section .note.GNU-stack, "", @progbits
