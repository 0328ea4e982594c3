#include "loader/handoff/arm/memory_functions.inc"
    .section .note.GNU-stack, "", %progbits
