// What the loader finds in the kernel's file (loader/kernel_note.h). It brings stacks of its own.
#include "include/baton/handoff.h"

BATON_NOTE(0);
