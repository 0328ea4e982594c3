/* What Baton's loader hands to a kernel: the protocol of docs/handoff.md, in C and in C++, with no
 * other header than the compiler's <stdint.h> and <stddef.h>.
 *
 * Everything is little endian. Addresses are physical unless a field says otherwise; baton_at() says
 * where they can be read. The struct and all that it points to lie in memory that is reserved (by
 * the names "HANDOFF", "EFI MEMMAP", "RAMDISK", ...), and stays as it is until the kernel uses that
 * memory for something else. */
#ifndef BATON_HANDOFF_H
#define BATON_HANDOFF_H

#include <stddef.h>
#include <stdint.h>

#define BATON_HANDOFF_MAGIC 0x46464f4e4f544142ull /* "BATONOFF" */
/* Changes when a field changes its meaning or its place. New fields come behind all others, and only
 * `size` tells of them: a kernel takes a handoff of its version that is no smaller than it knows. */
#define BATON_HANDOFF_VERSION 6u

/* Virtual addresses. 64 bits: where a kernel may be linked to, up to the end of all addresses. */
#define BATON_KERNEL_BASE 0xffffffff80000000ull
/* 32 bits: the same, and how much there is of it; and where the direct map stands on IA-32. */
#define BATON_NARROW_KERNEL 0xf7000000u
#define BATON_NARROW_KERNEL_SIZE 0x1000000u
#define BATON_NARROW_DIRECT_MAP 0xc0000000u

/* `count` elements of `element_size` bytes each. */
struct baton_array {
  uint64_t address;
  uint32_t count;
  uint32_t element_size;
};

/* Types of memory: ACPI 6.5 table 15.14's, and Linux's. Take what you do not know for reserved. */
#define BATON_E820_RAM 1u
#define BATON_E820_RESERVED 2u
#define BATON_E820_ACPI 3u
#define BATON_E820_NVS 4u
#define BATON_E820_UNUSABLE 5u
#define BATON_E820_PMEM 7u
#define BATON_E820_UNACCEPTED 0xeffffffeu /* a guest has to accept it first */
#define BATON_E820_SOFT_RESERVED 0xefffffffu

/* [start, end) of physical memory. The table is sorted and disjoint; what lies in no entry is nothing. */
struct baton_e820_entry {
  uint64_t start, end;
  uint32_t type;
  uint32_t zero;
};

/* Memory that is in use, of whatever type: sorted and disjoint. */
struct baton_reservation {
  uint64_t start, end;
  char name[15]; /* NUL-terminated */
  uint8_t overlap_ok;
};

struct baton_acpi_table {
  uint64_t address;
  uint32_t length;
  char signature[4]; /* without a NUL */
};

/* A result of a self-test that ran while the firmware was there; Baton's own kernel prints them. */
struct baton_result {
  uint32_t number;
  uint32_t outcome;
  char facts[248];
};

/* What became of a loadable segment of the kernel. */
struct baton_segment {
  uint64_t physical;
  uint64_t virtual_address;
  uint64_t size;  /* in memory, whole pages */
  uint32_t flags; /* ELF's: 1 executable, 2 writable, 4 readable */
  uint32_t zero;
};

struct baton_firmware {
  uint32_t descriptor_version; /* of its memory map */
  uint32_t revision;
  uint64_t system_table; /* EFI_SYSTEM_TABLE; reached through runtime_root */
  uint32_t efi_revision;
  uint32_t smbios_version; /* 3, 2, or 0: none */
  uint64_t smbios;         /* its entry point structure */
  uint64_t rsdp;           /* ACPI; 0: none */
};

#define BATON_PIXEL_RGBX 0u
#define BATON_PIXEL_BGRX 1u
#define BATON_PIXEL_BY_MASKS 2u

struct baton_framebuffer {
  uint64_t address; /* 0: none */
  uint64_t size;
  uint32_t width, height;
  uint32_t pixels_per_line;
  uint32_t format;
  uint32_t red_mask, green_mask, blue_mask, reserved_mask;
};

#define BATON_SERIAL_NONE 0u
#define BATON_SERIAL_16550 1u /* address is an I/O port */
#define BATON_SERIAL_PL011 2u /* address is physical, and mapped */

struct baton_serial {
  uint64_t address;
  uint32_t kind;
  uint32_t zero;
};

#define BATON_KASLR_NONE 0u /* the kernel does not ask for it, or has 32 bits */
#define BATON_KASLR_ON 1u
#define BATON_KASLR_REFUSED 2u   /* by the option nokaslr */
#define BATON_RANDOM_FIRMWARE 1u /* EFI_RNG_PROTOCOL */
#define BATON_RANDOM_RDSEED 2u
#define BATON_RANDOM_RDRAND 4u
#define BATON_RANDOM_RNDR 8u
#define BATON_RANDOM_COUNTER 16u /* the time */

/* Where the kernel was put, by chance if it asks for that (BATON_WISH_KASLR). */
struct baton_kaslr {
  uint64_t image;        /* virtual address of the kernel's first page */
  uint64_t image_offset; /* how far behind its link address that is, modulo 2^64 */
  uint32_t state;
  uint32_t sources;                                /* of chance, together */
  uint8_t image_bits, place_bits, direct_map_bits; /* 2^bits places there were to choose from */
  uint8_t zero[5];
};

/* A file that baton.conf's `module` names, in a reservation "MODULE"; at a page's beginning. */
#define BATON_MODULES 16u /* at most */
struct baton_module {
  uint64_t address;
  uint64_t size; /* bytes */
  char name[48]; /* NUL-terminated */
};

/* NUL-terminated ASCII. */
struct baton_names {
  char loader[16];
  char version[16];
  char build[48];
  char firmware[64]; /* its vendor */
};

#define BATON_FLAG_SECURE_BOOT 1u
#define BATON_FLAG_NX 2u              /* the CPU has NX, and the page tables use it */
#define BATON_FLAG_1GIB_PAGES 4u      /* they use pages of 1 GiB */
#define BATON_FLAG_NARROW_FIRMWARE 8u /* its firmware has 32 bits, the kernel 64: no runtime_root */

struct baton_handoff {
  uint64_t magic;
  uint32_t version;
  uint32_t size;     /* of this struct */
  uint32_t checksum; /* all 32-bit words of the struct sum to 0 */
  uint32_t flags;

  struct baton_array e820;         /* struct baton_e820_entry; never empty */
  struct baton_array reservations; /* struct baton_reservation */
  struct baton_array acpi_tables;  /* struct baton_acpi_table */
  struct baton_array results;      /* struct baton_result */
  struct baton_array segments;     /* struct baton_segment */

  uint64_t efi_map; /* the firmware's last memory map, byte for byte */
  uint64_t efi_map_size;
  uint64_t efi_descriptor_size;
  struct baton_firmware firmware;
  uint64_t runtime_root; /* page tables to call runtime services with; 0: they cannot be called */

  uint64_t page_tables; /* the root of those that are in use */
  uint64_t direct_map;  /* virtual address of physical 0; of 32 bits: modulo 2^32 */
  uint32_t paging_levels;
  uint32_t processor_id; /* APIC id, or Arm's affinities, aff3 first, a byte each */
  uint64_t kernel_physical;
  uint64_t kernel_size;
  uint64_t initrd; /* 0: none */
  uint64_t initrd_size;
  struct baton_framebuffer framebuffer;

  uint64_t tsc_entry;     /* TSC (Arm: CNTVCT) when the loader began */
  uint64_t tsc_handoff;   /* and before it jumped */
  uint64_t ap_trampoline; /* PCs: a page below 1 MiB where other CPUs can start; 0: none */

  uint64_t options; /* NUL-terminated ASCII */
  uint32_t options_length;
  uint32_t zero;
  struct baton_names names;
  struct baton_serial serial;
  struct baton_array device_tree; /* bytes; empty: the machine has none */
  struct baton_array map_changes; /* characters: what has moved in efi_map since the last start */
  struct baton_kaslr kaslr;
  struct baton_array modules; /* struct baton_module, in baton.conf's order */
};

/* An ELF note of this type by the name "Baton" tells the loader what a kernel asks for. */
#define BATON_NOTE_NAME "Baton"
#define BATON_NOTE_TYPE 1u
struct baton_note {
  uint32_t version;    /* BATON_HANDOFF_VERSION it was built for: another is refused in time */
  uint32_t wishes;     /* BATON_WISH_... together */
  uint64_t stack_size; /* bytes for the first stack; 0: 16 KiB. At most 1 MiB */
};
/* The direct map, and the image's place in memory, shall be where nobody knows beforehand; and so the
 * image's addresses, if it is a static PIE. Of kernels with 64 bits; with 32 it is not heeded. */
#define BATON_WISH_KASLR 1u
/* One, in C: BATON_NOTE(65536) at file scope, or BATON_NOTE_WITH(65536, BATON_WISH_KASLR). */
#define BATON_NOTE(stack) BATON_NOTE_WITH(stack, 0)
#define BATON_NOTE_WITH(stack, asked)                                             \
  __attribute__((used, section(".note.baton"), aligned(4))) static const struct { \
    uint32_t name_size, size, type;                                               \
    char name[8];                                                                 \
    uint32_t version, wishes, stack_low, stack_high;                              \
  } baton_note_ = {sizeof(BATON_NOTE_NAME),                                       \
                   sizeof(struct baton_note),                                     \
                   BATON_NOTE_TYPE,                                               \
                   BATON_NOTE_NAME,                                               \
                   BATON_HANDOFF_VERSION,                                         \
                   (asked),                                                       \
                   (stack),                                                       \
                   0}

/* The offsets that all compilers must agree on. */
#ifdef __cplusplus
#define BATON_ASSERT_(what) static_assert(what, #what)
#else
#define BATON_ASSERT_(what) _Static_assert(what, #what)
#endif
BATON_ASSERT_(sizeof(struct baton_e820_entry) == 24 && sizeof(struct baton_reservation) == 32);
BATON_ASSERT_(sizeof(struct baton_acpi_table) == 16 && sizeof(struct baton_segment) == 32);
BATON_ASSERT_(sizeof(struct baton_module) == 64);
BATON_ASSERT_(sizeof(struct baton_result) == 256 && sizeof(struct baton_note) == 16);
BATON_ASSERT_(offsetof(struct baton_handoff, efi_map) == 104);
BATON_ASSERT_(offsetof(struct baton_handoff, page_tables) == 176);
BATON_ASSERT_(offsetof(struct baton_handoff, framebuffer) == 232);
BATON_ASSERT_(offsetof(struct baton_handoff, options) == 304);
BATON_ASSERT_(offsetof(struct baton_handoff, serial) == 464);
BATON_ASSERT_(offsetof(struct baton_handoff, kaslr) == 512);
BATON_ASSERT_(offsetof(struct baton_handoff, modules) == 544);
BATON_ASSERT_(sizeof(struct baton_handoff) == 560);

#if defined(__i386__)
/* The entry point: its argument comes in eax, and is physical. */
#define BATON_ENTRY __attribute__((regparm(1)))
#define BATON_HANDOFF_AT(argument) \
  ((const struct baton_handoff*)((uintptr_t)(argument) + BATON_NARROW_DIRECT_MAP))
#else
#define BATON_ENTRY
#define BATON_HANDOFF_AT(argument) ((const struct baton_handoff*)(uintptr_t)(argument))
#endif

/* Where physical memory is read and written: RAM (with 32 bits only lowmem), tables, devices. */
static inline void* baton_at(const struct baton_handoff* handoff, uint64_t physical) {
  return (void*)(uintptr_t)(handoff->direct_map + physical);
}

/* Whether it is a handoff that this header describes. */
static inline int baton_is_good(const struct baton_handoff* handoff) {
  const unsigned char* bytes = (const unsigned char*)handoff;
  uint32_t sum = 0;
  uint32_t i;
  if (handoff->magic != BATON_HANDOFF_MAGIC || handoff->version != BATON_HANDOFF_VERSION) return 0;
  if (handoff->size < sizeof(struct baton_handoff) || handoff->size > 4096) return 0;
  for (i = 0; i < handoff->size; ++i) sum += (uint32_t)bytes[i] << 8 * (i % 4);
  return sum == 0;
}

#endif
