// What the loader finds in the kernel's file (loader/kernel_note.h). It brings stacks of its own.
#include "include/baton/handoff.h"

BATON_NOTE_WITH(0, BATON_WISH_KASLR);
