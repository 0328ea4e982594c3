/* A kernel for GRUB, by the Multiboot2 protocol (version 2.0), whose allocator is Baton's mm/: nothing of
 * Baton's loader is there. With paging off, so memory is where its addresses say, up to 4 GiB.
 *
 *     make ARCH=ia32 examples            # build/ia32/examples/multiboot2.elf, for GRUB's `multiboot2`
 *
 * It talks on COM1 and stops when it is done. */
#include "baton_mm.h"

#include "examples/memory_functions.h"

enum { MAGIC = 0x36d76289, MAP_TAG = 6, END_TAG = 0, MOST_ENTRIES = 256, BLOCKS = 1000 };

/* 3.1.1 to 3.1.4: the header, among the file's first 32 KiB; architecture 0 is i386. */
__attribute__((used, section(".multiboot2"), aligned(8))) static const uint32_t header[] = {
    0xe85250d6, 0, 24, -(0xe85250d6u + 24), END_TAG, 8};

/* 3.3: eax has the magic, ebx the information's address; there is no stack yet. */
__asm__(
    ".globl kernel_entry\nkernel_entry:\n"
    "  cli\n  cld\n  mov $stack + 65536, %esp\n  push %ebx\n  push %eax\n  call begin\n"
    ".pushsection .bss\n.balign 16\nstack: .skip 65536\n.popsection\n");

extern char image_start[], image_end[];
static struct baton_e820_entry map[MOST_ENTRIES];
static struct baton_reservation used[3];
static uint64_t blocks[BLOCKS];

static void put_character(char c) {
  uint8_t status = 0;
  int turns;
  for (turns = 0; turns < 100000 && !(status & 0x20); ++turns)
    __asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)0x3fd));
  __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)0x3f8));
}
static void say(void* context, const char* text, size_t length) {
  size_t i;
  (void)context;
  for (i = 0; i < length; ++i) {
    if (text[i] == '\n') put_character('\r');
    put_character(text[i]);
  }
}
static void put(const char* text) {
  while (*text != '\0') say(NULL, text++, 1);
}
static void end(const char* why) {
  put("multiboot2: ");
  put(why);
  put("\n");
  for (;;) __asm__ volatile("hlt");
}
static void expect(int code, const struct baton_mm_error* error) {
  if (code != BATON_MM_OK) end(error->text);
}

static uint64_t pages_up(uint64_t address) { return (address + 4095) & ~(uint64_t)4095; }
static void* at(uint64_t physical) { return (void*)(uintptr_t)physical; }

/* 3.6.8. Its types are the e820's, but that defective memory has the name unusable, and the number. */
static size_t read_map(const uint32_t* information) {
  const char* tag = (const char*)(information + 2);
  const char* const stop = (const char*)information + information[0];
  while (tag + 8 <= stop) {
    const uint32_t* words = (const uint32_t*)tag;
    if (words[0] == END_TAG || words[1] < 8 || words[1] > (size_t)(stop - tag)) break;
    if (words[0] == MAP_TAG && words[1] >= 16 && words[2] >= 20) {
      const char* entry;
      size_t count = 0;
      for (entry = tag + 16; entry + words[2] <= tag + words[1]; entry += words[2]) {
        uint64_t base, length;
        if (count == MOST_ENTRIES) end("its memory map has more entries than there is room for");
        memcpy(&base, entry, 8);
        memcpy(&length, entry + 8, 8);
        map[count].start = base;
        map[count].end = base + length;
        memcpy(&map[count++].type, entry + 16, 4);
      }
      return count;
    }
    tag += (words[1] + 7) & ~7u;
  }
  end("GRUB gives no memory map");
  return 0;
}

static void reserve(size_t* count, uint64_t start, uint64_t stop, const char* name) {
  size_t i = (*count)++;
  for (; i > 0 && used[i - 1].start > start; --i) used[i] = used[i - 1];
  used[i] = (struct baton_reservation){start, stop, {0}, 0};
  memcpy(used[i].name, name, 10);
}

/* Free memory for the allocator itself, above all that is in use. */
static uint64_t place_for(size_t count, size_t entries, uint64_t size) {
  const uint64_t above = pages_up(used[count - 1].end);
  size_t i;
  for (i = 0; i < entries; ++i) {
    const uint64_t from = map[i].start > above ? pages_up(map[i].start) : above;
    if (map[i].type == BATON_E820_RAM && from + size <= map[i].end && map[i].end <= 0xffffffffu)
      return from;
  }
  end("no room for the allocator");
  return 0;
}

__attribute__((used)) static void begin(uint32_t magic, const uint32_t* information) {
  struct baton_mm_setup setup;
  struct baton_mm_error error;
  struct baton_mm* mm;
  uint64_t place;
  size_t size;
  unsigned i;
  if (magic != MAGIC) end("not started by the Multiboot2 protocol");
  baton_mm_defaults(&setup, sizeof(setup));
  setup.machine = BATON_MM_IA32;
  setup.end_of_low = 0xfffff000; /* nothing is highmem */
  setup.e820 = map;
  setup.e820_count = read_map(information);
  setup.reservations = used;
  setup.print = say;
  reserve(&setup.reservation_count, (uintptr_t)image_start, (uintptr_t)image_end, "MY KERNEL");
  reserve(&setup.reservation_count, (uintptr_t)information, (uintptr_t)information + *information,
          "MULTIBOOT");
  size = baton_mm_size(&setup);
  place = place_for(setup.reservation_count, setup.e820_count, size);
  reserve(&setup.reservation_count, place, place + size, "ALLOCATOR");
  expect(baton_mm_open(at(place), size, &setup, &mm, &error), &error);
  expect(baton_mm_give_back(mm, "MULTIBOOT", &error), &error);
  for (i = 0; i < BLOCKS; ++i) {
    if (baton_mm_alloc(mm, 0, i % 4, 0, 0, &blocks[i]) != BATON_MM_OK) end("out of memory");
    *(uint64_t*)at(blocks[i]) = i;
  }
  for (i = 0; i < BLOCKS; ++i) {
    if (*(uint64_t*)at(blocks[i]) != i) end("two blocks are one");
    expect(baton_mm_free(mm, 0, blocks[i], i % 4, &error), &error);
  }
  expect(baton_mm_audit(mm, &error), &error);
  expect(baton_mm_ledger(mm, &error), &error);
  end("all is given back, and every byte has a name");
}
