# Sweeps of memory under test by vector registers: loads that go through the caches, stores that go
# past them. The only code of the kernel that has such registers: nobody keeps them when a CPU is
# interrupted, so no interrupt may use them. Interface: vector_runs.h.
#
# Lengths are multiples of 64 bytes, a line; so are addresses.

    .macro function name
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .endm
    .macro end name
    .size \name, . - \name
    .endm

# --- SSE2: xmm0 is what a word holds, xmm1 what it shall hold. --------------------------------------
    .macro both_sse2 from, to
    movq \from, \to
    punpcklqdq \to, \to
    .endm
    # Whether the line at `at` holds xmm0, as zero.
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
    pmovmskb %xmm2, %r8d
    xor $0xffff, %r8d
    .endm
    .macro store_sse2 at, v
    movntdq \v, (\at)
    movntdq \v, 16(\at)
    movntdq \v, 32(\at)
    movntdq \v, 48(\at)
    .endm
    .macro copy_sse2
    movdqa (%rsi), %xmm2
    movdqa 16(%rsi), %xmm3
    movdqa 32(%rsi), %xmm4
    movdqa 48(%rsi), %xmm5
    movntdq %xmm2, (%rdi)
    movntdq %xmm3, 16(%rdi)
    movntdq %xmm4, 32(%rdi)
    movntdq %xmm5, 48(%rdi)
    .endm
    .macro done_sse2
    .endm

# --- AVX2: the same in ymm0 and ymm1. ---------------------------------------------------------------
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
    vpmovmskb %ymm2, %r8d
    xor $-1, %r8d
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
    vmovdqa (%rsi), %ymm2
    vmovdqa 32(%rsi), %ymm3
    vmovntdq %ymm2, (%rdi)
    vmovntdq %ymm3, 32(%rdi)
    .endm
    .macro done_avx2
    vzeroupper
    .endm

# --- The sweeps, for each. --------------------------------------------------------------------------
    .macro sweeps form
    # fill(at, bytes, value)
    function vector_fill_\form
    both_\form %rdx, %xmm0
    add %rdi, %rsi
1:  cmp %rsi, %rdi
    jae 2f
    store_\form %rdi, %xmm0
    add $64, %rdi
    jmp 1b
2:  sfence
    done_\form
    ret
    end vector_fill_\form

    # copy(to, from, bytes)
    function vector_copy_\form
    add %rdi, %rdx
1:  cmp %rdx, %rdi
    jae 2f
    copy_\form
    add $64, %rsi
    add $64, %rdi
    jmp 1b
2:  sfence
    done_\form
    ret
    end vector_copy_\form

    # same(at, bytes, value)
    function vector_same_\form
    both_\form %rdx, %xmm0
    mov %rdi, %rax
    add %rdi, %rsi
1:  cmp %rsi, %rax
    jae 2f
    differs_\form %rax
    jnz 2f
    add $64, %rax
    jmp 1b
2:  sub %rdi, %rax
    done_\form
    ret
    end vector_same_\form

    # turn_up(at, bytes, before, after)
    function vector_turn_up_\form
    both_\form %rdx, %xmm0
    both_\form %rcx, %xmm1
    mov %rdi, %rax
    add %rdi, %rsi
1:  cmp %rsi, %rax
    jae 2f
    differs_\form %rax
    jnz 2f
    store_\form %rax, %xmm1
    add $64, %rax
    jmp 1b
2:  sub %rdi, %rax
    sfence
    done_\form
    ret
    end vector_turn_up_\form

    # turn_down(at, bytes, before, after)
    function vector_turn_down_\form
    both_\form %rdx, %xmm0
    both_\form %rcx, %xmm1
    add %rdi, %rsi
    mov %rsi, %rax
1:  cmp %rdi, %rax
    jbe 2f
    sub $64, %rax
    differs_\form %rax
    jnz 3f
    store_\form %rax, %xmm1
    jmp 1b
3:  add $64, %rax
2:  sub %rax, %rsi
    mov %rsi, %rax
    sfence
    done_\form
    ret
    end vector_turn_down_\form
    .endm

    .text
    sweeps sse2
    sweeps avx2

    .section .note.GNU-stack, "", @progbits
