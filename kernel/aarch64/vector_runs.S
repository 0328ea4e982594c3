// Sweeps of memory under test by vector registers; stores say that the line will not be wanted again
// (STNP). The only code of the kernel that has such registers: nobody keeps them when a CPU is
// interrupted, so no interrupt may use them. Interface: vector_runs.h.
//
// Lengths are multiples of 64 bytes, a line; so are addresses. v0 is what a word holds, v1 what it
// shall hold.

        .arch   armv8-a+simd

        .macro  function name
        .globl  \name
        .type   \name, @function
        .balign 16
\name:
        .endm
        .macro  end name
        .size   \name, . - \name
        .endm

        // Whether the line at `at` does not hold v0.
        .macro  differs at
        ldp     q2, q3, [\at]
        ldp     q4, q5, [\at, #32]
        cmeq    v2.2d, v2.2d, v0.2d
        cmeq    v3.2d, v3.2d, v0.2d
        cmeq    v4.2d, v4.2d, v0.2d
        cmeq    v5.2d, v5.2d, v0.2d
        and     v2.16b, v2.16b, v3.16b
        and     v4.16b, v4.16b, v5.16b
        and     v2.16b, v2.16b, v4.16b
        uminv   s2, v2.4s
        fmov    w8, s2
        cmn     w8, #1
        .endm
        .macro  store at, v
        stnp    \v, \v, [\at]
        stnp    \v, \v, [\at, #32]
        .endm

        .text
        // fill(at, bytes, value)
        function vector_fill_neon
        dup     v0.2d, x2
        add     x1, x0, x1
1:      cmp     x0, x1
        b.hs    2f
        store   x0, q0
        add     x0, x0, #64
        b       1b
2:      ret
        end vector_fill_neon

        // copy(to, from, bytes)
        function vector_copy_neon
        add     x2, x0, x2
1:      cmp     x0, x2
        b.hs    2f
        ldp     q2, q3, [x1]
        ldp     q4, q5, [x1, #32]
        stnp    q2, q3, [x0]
        stnp    q4, q5, [x0, #32]
        add     x1, x1, #64
        add     x0, x0, #64
        b       1b
2:      ret
        end vector_copy_neon

        // same(at, bytes, value)
        function vector_same_neon
        dup     v0.2d, x2
        mov     x3, x0
        add     x1, x0, x1
1:      cmp     x3, x1
        b.hs    2f
        differs x3
        b.ne    2f
        add     x3, x3, #64
        b       1b
2:      sub     x0, x3, x0
        ret
        end vector_same_neon

        // turn_up(at, bytes, before, after)
        function vector_turn_up_neon
        dup     v0.2d, x2
        dup     v1.2d, x3
        mov     x4, x0
        add     x1, x0, x1
1:      cmp     x4, x1
        b.hs    2f
        differs x4
        b.ne    2f
        store   x4, q1
        add     x4, x4, #64
        b       1b
2:      sub     x0, x4, x0
        ret
        end vector_turn_up_neon

        // turn_down(at, bytes, before, after)
        function vector_turn_down_neon
        dup     v0.2d, x2
        dup     v1.2d, x3
        add     x1, x0, x1
        mov     x4, x1
1:      cmp     x4, x0
        b.ls    2f
        sub     x5, x4, #64
        differs x5
        b.ne    2f
        store   x5, q1
        mov     x4, x5
        b       1b
2:      sub     x0, x1, x4
        ret
        end vector_turn_down_neon

        .section .note.GNU-stack, "", @progbits
