#include "loader/handoff/aarch64/memory_functions.inc"
    .section .note.GNU-stack, "", @progbits
