# What the build must be told of an architecture, a row for each thing. Whose folders
# (efi/ARCH, loader/ARCH, kernel/ARCH) are there can be built whole; of the others the neutral code is compiled.
ARCHITECTURES := x86_64 aarch64 i686 arm

# Debian's compilers for it; where the host is one itself, its own.
prefix.x86_64  :=
prefix.aarch64 := aarch64-linux-gnu-
prefix.i686    := i686-linux-gnu-
prefix.arm     := arm-linux-gnueabihf-

# For code below which there is no system: interrupts take the stack, nobody keeps vector registers.
# (On arm Debian's headers pass floating point in these, used or not.)
alone.x86_64  := -mno-red-zone -mgeneral-regs-only
alone.aarch64 := -mgeneral-regs-only -mno-outline-atomics
alone.i686    := -mgeneral-regs-only
alone.arm     :=

# Of the kernel's image, which is linked at its own addresses.
image.x86_64 := -mcmodel=kernel

# GNU-EFI's name for it; its calling convention; what a firmware looks for, and what boot entries call
# it; where Debian puts its libraries. Debian's GNU-EFI for PCs has no headers of other CPUs, which
# say how wide UINTN is and little else: for those another CPU's of that width is taken.
gnu_efi.x86_64  := x86_64
gnu_efi.aarch64 := aarch64
gnu_efi.i686    := ia32
gnu_efi.arm     := arm
as_wide.aarch64 := x86_64
as_wide.arm     := ia32
calls.x86_64    := -DGNU_EFI_USE_MS_ABI
boot.x86_64     := BOOTX64.EFI
boot.aarch64    := BOOTAA64.EFI
entry.x86_64    := x64
entry.aarch64   := aa64
libraries.x86_64 := x86_64-linux-gnu
