/* A kernel that believes nothing: it holds every promise of docs/handoff.md against what it finds, and
 * names those that do not hold. Last it writes over all memory that nothing is said to be in, and looks
 * whether what it was given is still there. */
#include "cpu.h"
#include "examples/machine.h"

enum { STACK = 200 * 1024 };
BATON_NOTE_WITH(STACK, BATON_WISH_KASLR);

static const struct baton_handoff* handoff;
static uint32_t held, broken;

static void put(const char* text) {
  while (*text != '\0') machine_put(handoff, *text++);
}
static void put_hex(uint64_t value) {
  int shift;
  for (shift = 60; shift >= 0; shift -= 4)
    machine_put(handoff, "0123456789abcdef"[value >> shift & 15]);
}

static void promise(int holds, const char* what, uint64_t where) {
  if (holds) {
    ++held;
    return;
  }
  if (++broken > 50) return;
  put("NOT SO: ");
  put(what);
  put(" (");
  put_hex(where);
  put(")\r\n");
}

static int same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

#define ELEMENTS(type, array) ((const type*)baton_at(handoff, handoff->array.address))

/* The reservation that has all of a range; null: there is none. */
static const struct baton_reservation* reservation_of(uint64_t start, uint64_t size) {
  const struct baton_reservation* all = ELEMENTS(struct baton_reservation, reservations);
  uint32_t i;
  for (i = 0; i < handoff->reservations.count; ++i) {
    if (all[i].start <= start && start + size <= all[i].end) return &all[i];
  }
  return NULL;
}
static void reserved_as(const char* name, uint64_t start, uint64_t size) {
  const struct baton_reservation* found = reservation_of(start, size);
  if (size != 0) promise(found != NULL && same(found->name, name), name, start);
}
static void array_is_kept(const struct baton_array* array, const char* what) {
  promise(array->count == 0 || array->address % 8 == 0, what, array->address);
  reserved_as("HANDOFF", array->address, (uint64_t)array->count * array->element_size);
}

static void check_lists(void) {
  const struct baton_e820_entry* e820 = ELEMENTS(struct baton_e820_entry, e820);
  const struct baton_reservation* reserved = ELEMENTS(struct baton_reservation, reservations);
  uint32_t i;
  promise(handoff->e820.count > 0, "e820 is not empty", 0);
  for (i = 0; i < handoff->e820.count; ++i) {
    promise(e820[i].start < e820[i].end, "an entry has a size", e820[i].start);
    if (i > 0)
      promise(e820[i - 1].end <= e820[i].start, "e820 is sorted and disjoint", e820[i].start);
  }
  for (i = 0; i < handoff->reservations.count; ++i) {
    promise(reserved[i].start < reserved[i].end, "a reservation has a size", reserved[i].start);
    promise(reserved[i].name[14] == '\0', "a name ends", reserved[i].start);
    if (i > 0)
      promise(reserved[i - 1].end <= reserved[i].start, "reservations are sorted and disjoint",
              reserved[i].start);
  }
}

static void check_places(uint64_t own) {
  const struct baton_module* modules = ELEMENTS(struct baton_module, modules);
  uint32_t i;
  reserved_as("HANDOFF", own, handoff->size);
  array_is_kept(&handoff->e820, "e820 is aligned");
  array_is_kept(&handoff->reservations, "reservations are aligned");
  array_is_kept(&handoff->acpi_tables, "acpi_tables are aligned");
  array_is_kept(&handoff->results, "results are aligned");
  array_is_kept(&handoff->segments, "segments are aligned");
  array_is_kept(&handoff->map_changes, "map_changes are aligned");
  array_is_kept(&handoff->modules, "modules are aligned");
  reserved_as("DEVICE TREE", handoff->device_tree.address, handoff->device_tree.count);
  reserved_as("HANDOFF", handoff->options, handoff->options_length + 1);
  reserved_as("EFI MEMMAP", handoff->efi_map, handoff->efi_map_size);
  reserved_as("PGTABLE", handoff->page_tables, 4096);
  reserved_as("TEXT DATA BSS", handoff->kernel_physical, handoff->kernel_size);
  reserved_as("RAMDISK", handoff->initrd, handoff->initrd_size);
  for (i = 0; i < handoff->modules.count; ++i) {
    promise(modules[i].address % 4096 == 0, "a module begins a page", modules[i].address);
    promise(modules[i].name[0] != '\0' && modules[i].name[47] == '\0', "a module has a name",
            modules[i].address);
    reserved_as("MODULE", modules[i].address, modules[i].size);
  }
  if (handoff->runtime_root != 0) reserved_as("PGTABLE", handoff->runtime_root, 4096);
  if (handoff->ap_trampoline != 0) {
    promise(handoff->ap_trampoline < 0x100000, "the trampoline is below 1 MiB",
            handoff->ap_trampoline);
    reserved_as("AP TRAMPOLINE", handoff->ap_trampoline, 4096);
  }
}

static void check_stack(void) {
  const struct mapping top = translate(handoff, entry_stack - 1);
  const struct baton_reservation* stack;
  promise(entry_stack % 16 == STACK_REST, "the stack is aligned", entry_stack);
  promise(top.there && top.writable && !top.executable &&
              entry_stack - 1 == (uintptr_t)baton_at(handoff, top.physical),
          "the stack is in the direct map", entry_stack);
  /* But for the jump's own words, in mixed mode a GDT. */
  stack = reservation_of(top.physical + 1 - STACK + 64, STACK - 64);
  promise(stack != NULL && same(stack->name, "LOADER"),
          "the stack is as large as asked for, and reserved", top.physical);
}

/* The kernel's segment that a page of memory is of; null: of none. */
static const struct baton_segment* segment_of(uint64_t physical) {
  const struct baton_segment* all = ELEMENTS(struct baton_segment, segments);
  uint32_t i;
  for (i = 0; i < handoff->segments.count; ++i) {
    if (all[i].physical <= physical && physical - all[i].physical < all[i].size) return &all[i];
  }
  return NULL;
}

/* With 32 bits what is above lowmem is not mapped. */
enum { LOWMEM_AT_LEAST = 0x2f000000 };
static uint64_t first_ram(void) {
  const struct baton_e820_entry* e820 = ELEMENTS(struct baton_e820_entry, e820);
  while (e820->type != BATON_E820_RAM) ++e820;
  return e820->start;
}

static void check_ram_page(uint64_t physical) {
  const struct baton_segment* segment = segment_of(physical);
  const struct baton_reservation* reserved = reservation_of(physical, 4096);
  const int loaders = reserved != NULL && same(reserved->name, "LOADER");
  const struct mapping direct = translate(handoff, (uintptr_t)baton_at(handoff, physical));
  /* With 32 bits nothing, or the kernel, stands where highmem would, or addresses have come to their end. */
  if (sizeof(void*) == 4 && physical - first_ram() >= LOWMEM_AT_LEAST &&
      (!direct.there || segment_of(direct.physical) != NULL ||
       (uintptr_t)baton_at(handoff, physical) < handoff->direct_map))
    return;
  promise(direct.there && direct.physical == physical, "RAM is in the direct map", physical);
  promise(direct.cached, "RAM is cached", physical);
  promise(direct.writable == (segment == NULL || (segment->flags & 2)) || loaders,
          "RAM is writable", physical);
  promise(!direct.executable || loaders || !no_execute_is_on(), "the direct map is not executable",
          physical);
  if (sizeof(void*) == 8) {
    const struct mapping identity = translate(handoff, physical);
    promise(identity.there == (physical != 0), "RAM is at its own address, but page 0", physical);
    promise(physical == 0 || identity.physical == physical, "RAM is at its own address", physical);
    promise(!(identity.writable && identity.executable), "no page is writable and executable",
            physical);
  }
}

static void check_mappings(void) {
  const struct baton_e820_entry* e820 = ELEMENTS(struct baton_e820_entry, e820);
  const struct baton_segment* segments = ELEMENTS(struct baton_segment, segments);
  const struct baton_acpi_table* tables = ELEMENTS(struct baton_acpi_table, acpi_tables);
  uint64_t at;
  uint32_t i;
  promise(table_root() == handoff->page_tables, "page_tables is the root in use", table_root());
  for (i = 0; i < handoff->e820.count; ++i) {
    if (e820[i].type != BATON_E820_RAM) continue;
    for (at = (e820[i].start + 4095) & ~(uint64_t)4095; at + 4096 <= e820[i].end; at += 4096)
      check_ram_page(at);
  }
  promise(handoff->segments.count >= 3, "segments are told", handoff->segments.count);
  for (i = 0; i < handoff->segments.count; ++i) {
    for (at = 0; at < segments[i].size; at += 4096) {
      const struct mapping page = translate(handoff, segments[i].virtual_address + at);
      promise(page.there && page.physical == segments[i].physical + at,
              "the kernel is where it is linked to", segments[i].virtual_address + at);
      promise(page.writable == ((segments[i].flags & 2) != 0), "a segment's pages are as writable",
              segments[i].virtual_address + at);
      promise(page.executable == ((segments[i].flags & 1) != 0) || !no_execute_is_on(),
              "a segment's pages are as executable", segments[i].virtual_address + at);
    }
  }
  for (i = 0; i < handoff->acpi_tables.count; ++i) {
    const struct mapping page = translate(handoff, (uintptr_t)baton_at(handoff, tables[i].address));
    promise(page.there && page.physical == tables[i].address && !page.executable,
            "ACPI tables are mapped", tables[i].address);
  }
  if (handoff->framebuffer.address != 0) {
    const uint64_t last = handoff->framebuffer.address + handoff->framebuffer.size - 1;
    const struct mapping begin =
        translate(handoff, (uintptr_t)baton_at(handoff, handoff->framebuffer.address));
    const struct mapping end = translate(handoff, (uintptr_t)baton_at(handoff, last));
    promise(begin.there && begin.writable && !begin.cached && !begin.executable,
            "the framebuffer is mapped", handoff->framebuffer.address);
    promise(end.there && end.physical == last, "all of the framebuffer is mapped", last);
  }
}

/* A word that holds an address: what the loader has to move. */
static int here;
static int* volatile moved = &here;

static void check_chance(void) {
  const struct baton_kaslr* kaslr = &handoff->kaslr;
  const struct baton_segment* segments = ELEMENTS(struct baton_segment, segments);
  const uint64_t gib = 1u << 30;
  promise(moved == &here, "relocations are applied", (uintptr_t)moved);
  promise(kaslr->image == segments[0].virtual_address, "kaslr has the image", kaslr->image);
  if (sizeof(void*) == 4) {
    promise(kaslr->state == BATON_KASLR_NONE, "with 32 bits there is no KASLR", kaslr->state);
    return;
  }
  if (is_asked_for(handoff, "nokaslr")) {
    promise(kaslr->state == BATON_KASLR_REFUSED && kaslr->image_offset == 0, "nokaslr is obeyed",
            kaslr->image_offset);
    return;
  }
  promise(kaslr->state == BATON_KASLR_ON, "KASLR is given to whoever asks", kaslr->state);
  promise(kaslr->image - kaslr->image_offset == BATON_KERNEL_BASE + 0x200000,
          "the offset leads back to the link address", kaslr->image_offset);
  promise(kaslr->image >= BATON_KERNEL_BASE && kaslr->image - BATON_KERNEL_BASE < gib &&
              kaslr->image % 0x200000 == 0,
          "the image is in its room", kaslr->image);
  promise(handoff->kernel_physical >= 0x1000000 || kaslr->place_bits == 0,
          "its place leaves the first 16 MiB alone", handoff->kernel_physical);
  promise(handoff->direct_map % gib == 0 &&
              handoff->direct_map >=
                  (handoff->paging_levels == 5 ? 0xff11000000000000ull : 0xffff888000000000ull),
          "the direct map is in its room", handoff->direct_map);
  promise(kaslr->image_bits >= 8 && kaslr->direct_map_bits >= 15 && kaslr->sources != 0,
          "there were places to choose from", kaslr->sources);
}

static uint64_t mix(uint64_t sum, uint64_t physical, uint64_t size) {
  const uint8_t* bytes = (const uint8_t*)baton_at(handoff, physical);
  uint64_t i;
  for (i = 0; i < size; ++i) sum = (sum ^ bytes[i]) * 0x100000001b3ull;
  return sum;
}
/* Of all that the handoff leads to, but page tables, whose accessed bits the CPU may set. */
static uint64_t sum_of_what_is_given(uint64_t own) {
  const struct baton_acpi_table* tables = ELEMENTS(struct baton_acpi_table, acpi_tables);
  const struct baton_module* modules = ELEMENTS(struct baton_module, modules);
  uint64_t sum = mix(0xcbf29ce484222325ull, own, handoff->size);
  uint32_t i;
  const struct baton_array* arrays[] = {
      &handoff->e820,     &handoff->reservations, &handoff->acpi_tables, &handoff->results,
      &handoff->segments, &handoff->device_tree,  &handoff->map_changes, &handoff->modules};
  for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); ++i) {
    sum = mix(sum, arrays[i]->address, (uint64_t)arrays[i]->count * arrays[i]->element_size);
  }
  sum = mix(sum, handoff->options, handoff->options_length + 1);
  sum = mix(sum, handoff->efi_map, handoff->efi_map_size);
  sum = mix(sum, handoff->initrd, handoff->initrd_size);
  for (i = 0; i < handoff->modules.count; ++i) sum = mix(sum, modules[i].address, modules[i].size);
  for (i = 0; i < handoff->acpi_tables.count; ++i)
    sum = mix(sum, tables[i].address, tables[i].length);
  return sum;
}

static void fill(uint64_t start, uint64_t end) {
  for (start = (start + 4095) & ~(uint64_t)4095; start + 4096 <= end; start += 4096) {
    const struct mapping page = translate(handoff, (uintptr_t)baton_at(handoff, start));
    uintptr_t* words = (uintptr_t*)baton_at(handoff, start);
    uint32_t i;
    if (!page.there || page.physical != start) continue; /* highmem */
    for (i = 0; i < 4096 / sizeof(*words); ++i) words[i] = (uintptr_t)0x5a5a5a5a5a5a5a5aull;
  }
}
static void fill_what_is_free(void) {
  const struct baton_e820_entry* e820 = ELEMENTS(struct baton_e820_entry, e820);
  const struct baton_reservation* reserved = ELEMENTS(struct baton_reservation, reservations);
  uint32_t i, r;
  for (i = 0; i < handoff->e820.count; ++i) {
    uint64_t from = e820[i].start;
    if (e820[i].type != BATON_E820_RAM) continue;
    for (r = 0; r < handoff->reservations.count; ++r) {
      if (reserved[r].end <= from || reserved[r].start >= e820[i].end) continue;
      if (reserved[r].start > from) fill(from, reserved[r].start);
      from = reserved[r].end;
    }
    if (from < e820[i].end) fill(from, e820[i].end);
  }
}

/* How many, and a sum of their names and contents, as bytes, weighted by where each stands. */
static void put_modules(void) {
  const struct baton_module* modules = ELEMENTS(struct baton_module, modules);
  uint64_t sum = 0;
  uint64_t place = 0;
  uint64_t at;
  uint32_t i;
  for (i = 0; i < handoff->modules.count; ++i) {
    const unsigned char* bytes = (const unsigned char*)baton_at(handoff, modules[i].address);
    for (at = 0; modules[i].name[at] != '\0'; ++at)
      sum += ++place * (unsigned char)modules[i].name[at];
    for (at = 0; at < modules[i].size; ++at) sum += ++place * bytes[at];
  }
  put(", modules ");
  put_hex(handoff->modules.count);
  put(", contents ");
  put_hex(sum);
}

__attribute__((used)) BATON_ENTRY void checker(void* argument) {
  uint64_t own, before;
  const char* wrong;
  handoff = BATON_HANDOFF_AT(argument);
  if (!baton_is_good(handoff)) machine_halt();
  own = translate(handoff, (uintptr_t)handoff).physical;
  put("checker: begins\r\n");
  wrong = wrong_state(handoff);
  promise(wrong == NULL, wrong == NULL ? "" : wrong, entry_flags);
  check_lists();
  check_places(own);
  check_stack();
  check_mappings();
  check_chance();
  promise(is_asked_for(handoff, "poweroff"), "options are those of baton.conf",
          handoff->options_length);
  promise(handoff->tsc_entry < handoff->tsc_handoff, "time goes on", handoff->tsc_handoff);
  promise(same(handoff->names.loader, "Baton"), "the loader has a name", 0);
  before = sum_of_what_is_given(own);
  fill_what_is_free();
  promise(sum_of_what_is_given(own) == before && baton_is_good(handoff),
          "what is given outlives all that is free", before);
  put("checker: initrd ");
  put_hex(handoff->initrd_size);
  put(", tables ");
  put_hex(handoff->acpi_tables.count);
  put(", tree ");
  put_hex(handoff->device_tree.count);
  put(", screen ");
  put_hex(handoff->framebuffer.width);
  put_modules();
  put(", trampoline ");
  put_hex(handoff->ap_trampoline);
  put("\r\nchecker: ");
  put_hex(held);
  put(" hold, ");
  put_hex(broken);
  put(" do not\r\n");
  machine_power_off(handoff);
  put("NOT SO: the firmware's services power off\r\n");
  machine_halt();
}
