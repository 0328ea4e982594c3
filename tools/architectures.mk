# What the build must be told of an architecture, a row for each thing. Whose folders
# (efi/ARCH, loader/ARCH, kernel/ARCH) are there can be built whole; of the others the neutral code is compiled.
ARCHITECTURES := x86_64 aarch64 ia32 arm

# The folders that it shares with others of its kind (bsa: Arm's base systems, with GIC, generic timer,
# PSCI and PL011; narrow: addresses of 32 bits, and highmem); and in mm/ the one whose machines it has.
kin.aarch64   := bsa
kin.arm       := bsa narrow
kin.x86_64    := x86
kin.ia32      := x86 narrow
mm_kin.ia32   := x86_64

# Debian's compilers for it; where the host is one itself, its own.
prefix.x86_64  :=
prefix.aarch64 := aarch64-linux-gnu-
prefix.ia32    := i686-linux-gnu-
prefix.arm     := arm-linux-gnueabihf-

# For code below which there is no system: interrupts take the stack, nobody keeps vector registers.
# (On IA-32 UEFI aligns 64-bit words to 8 bytes, which the compiler does not by itself.)
# (On arm nothing is passed in these, for which Debian's headers want one more of them, see soft. Memory
# may be a device's, which words that are not aligned would fault in. ARM instructions, not Thumb's, as
# their frames can be followed (image). What the calling convention was before GCC 7 does not matter.)
alone.x86_64  := -mno-red-zone -mgeneral-regs-only
alone.aarch64 := -mgeneral-regs-only -mno-outline-atomics
alone.ia32    := -mgeneral-regs-only -malign-double
alone.arm     := -march=armv7-a -marm -mfloat-abi=soft -mno-unaligned-access -Wno-psabi

# A header of the C library that Debian does not ship, as nothing there is built so.
soft.arm := gnu/stubs-soft.h

# Of an image that stays where it is linked to. (On arm every function has a frame, leaves too, in one
# form: the pointer leads to pc, lr, sp and the caller's.)
image.x86_64 := -mcmodel=kernel
image.arm    := -mapcs-frame

# Where the stack protector's word is: in one variable, which is the compiler's own choice on Arm.
guard.x86_64 := -mstack-protector-guard=global
guard.ia32   := -mstack-protector-guard=global

# Of one that the loader may put elsewhere (KASLR): how it is compiled, and linked. AArch64's code finds
# all by its own place anyway. Debian 12's linker can pack relocations of x86 only.
moving.x86_64       := -fpie
moving.aarch64      := -fno-pic
moving_link.x86_64  := -pie --no-dynamic-linker -z notext -z norelro -z pack-relative-relocs
moving_link.aarch64 := -pie --no-dynamic-linker -z notext -z norelro

# What divides 64 bits by as many where the CPU does not: GCC's own library. And how a linker notes
# relocations.
# (Debian's for arm says that it passes floating point in registers, which its divisions do not.)
libgcc.ia32      := yes
libgcc.arm       := yes
relocations.ia32 := .rel
relocations.arm  := .rel
link.arm         := --no-warn-mismatch

# Whose kernel its application starts, too, where the CPU runs one (mixed mode).
wide.ia32 := x86_64

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
boot.arm        := BOOTARM.EFI
entry.x86_64    := x64
entry.aarch64   := aa64
entry.ia32      := ia32
entry.arm       := arm
libraries.x86_64 := x86_64-linux-gnu
