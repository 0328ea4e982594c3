# What the build must be told of an architecture, a row for each thing. Whose folders
# (efi/ARCH, loader/ARCH, kernel/ARCH) are there can be built whole; of the others the neutral code is compiled.
ARCHITECTURES := x86_64 aarch64 ia32 arm

# The folder that it shares with the others of its kind (bsa: Arm's base systems, with GIC, generic timer,
# PSCI and PL011); and in mm/ the one whose machines it has.
kin.aarch64   := bsa
kin.x86_64    := x86
kin.ia32      := x86
mm_kin.ia32   := x86_64

# Debian's compilers for it; where the host is one itself, its own.
prefix.x86_64  :=
prefix.aarch64 := aarch64-linux-gnu-
prefix.ia32    := i686-linux-gnu-
prefix.arm     := arm-linux-gnueabihf-

# For code below which there is no system: interrupts take the stack, nobody keeps vector registers.
# (On IA-32 UEFI aligns 64-bit words to 8 bytes, which the compiler does not by itself.)
# (On arm Debian's headers pass floating point in these, used or not.)
alone.x86_64  := -mno-red-zone -mgeneral-regs-only
alone.aarch64 := -mgeneral-regs-only -mno-outline-atomics
alone.ia32    := -mgeneral-regs-only -malign-double
alone.arm     :=

# Of the kernel's image, which is linked at its own addresses.
image.x86_64 := -mcmodel=kernel

# What divides 64 bits by as many where the CPU does not: GCC's own library. And how a linker notes
# relocations.
libgcc.ia32      := yes
relocations.ia32 := .rel

# GNU-EFI's name for it; its calling convention; what a firmware looks for, and what boot entries call
# it; where Debian puts its libraries. Debian's GNU-EFI for PCs has no headers of other CPUs, which
# say how wide UINTN is and little else: for those another CPU's of that width is taken.
gnu_efi.x86_64  := x86_64
gnu_efi.aarch64 := aarch64
gnu_efi.ia32    := ia32
gnu_efi.arm     := arm
as_wide.aarch64 := x86_64
as_wide.arm     := ia32
calls.x86_64    := -DGNU_EFI_USE_MS_ABI
boot.x86_64     := BOOTX64.EFI
boot.aarch64    := BOOTAA64.EFI
boot.ia32       := BOOTIA32.EFI
entry.x86_64    := x64
entry.aarch64   := aa64
entry.ia32      := ia32
libraries.x86_64 := x86_64-linux-gnu
