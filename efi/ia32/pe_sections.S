// Sections that only a PE image has.
#include "kernel_id.h"
#include "version.h"

// Who made this image, for Secure Boot Advanced Targeting (shim's SBAT.md): shim and firmware refuse
// a component whose generation is below the one revoked.
        .section .sbat, "a", @progbits
        .ascii "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
        .ascii "baton,1,Baton,baton," BATON_VERSION ",BOOTIA32.EFI\n"

// By which bootctl tells boot loaders and their versions.
        .section .rodata.loader_info, "a", @progbits
        .ascii "#### LoaderInfo: Baton " BATON_VERSION " ####"
// By which tools/install knows which kernels belong to this application.
        .ascii "#### BatonKernel: " BATON_KERNEL_ID " ####"
        .ascii "#### BatonKernel64: " BATON_WIDE_KERNEL_ID " ####"

// A base relocation block of two paddings: the start code relocates the image by its ELF table, but
// firmware loads an image wherever it likes only when there is a .reloc.
        .section .baton_reloc, "a", @progbits
        .long   4096            // page: .text
        .long   12              // bytes of this block
        .short  0, 0            // IMAGE_REL_BASED_ABSOLUTE: nothing to do

        .section .note.GNU-stack, "", @progbits
