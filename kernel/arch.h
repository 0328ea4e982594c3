// The seam: what the kernel asks of the architecture under it, defined in kernel/<arch>/.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/memtest/run_form.h"
#include "kernel/smp/cpu.h"
#include "loader/handoff/handoff.h"
#include "mm/direct_map.h"
#include "mm/page_alloc.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/window.h"

namespace loader {
struct AcpiFacts;
struct SpcrPort;
}  // namespace loader
namespace mm {
struct Platform;
}

namespace kernel {

struct ArchFacts;
class FirmwareTables;

namespace arch {

inline constexpr size_t kMostUncachedRuns = 66;

// --- Time ---
[[nodiscard]] uint64_t cycles();  // of the CPU's constant-rate counter
// Since the kernel was entered; never less than it was.
[[nodiscard]] uint64_t microseconds();
// Says the counter's rate, as far as it is known by now, and who told it.
void print_clock(const mm::Printer& out);

// A word that nobody outside should be able to foretell: by the CPU's own generator, and its counter. Where
// it has no generator the counter is all there is, of which no more than some 20 bits are uncertain.
[[nodiscard]] uint64_t unpredictable();

// --- Console ---
// Opens the first serial port and shows the console there; nothing happens where there is none.
void open_console();
// Serial ports are opened if they were not yet, and waited for as if nobody had ever kept us
// waiting: what comes next is the last.
void prepare_last_words();
// To the first serial port alone and by nothing but its registers, for when the console may be what
// is broken.
void say_on_first_port(std::string_view text);
// Waits until what was said is on its way, but not for ever.
void drain_console();
// Listens to the machine's own keyboard too. False where none answers, as when all hang on USB.
[[nodiscard]] bool open_keyboard();
// Lets the CPU gather stores to the device memory mapped at [virt, virt + size) into bursts, where
// it can; `tables` reaches the page tables. Returns how many bytes that holds for.
uint64_t combine_writes(uint64_t virt, uint64_t size, const mm::DirectMap& tables);
// The port the firmware's SPCR names becomes a console too, where it is another one.
mm::Result<> add_console(const loader::SpcrPort& spcr);
// The next character typed, if any, and where. Never waits.
struct Typed {
  char c = 0;
  bool at_keyboard = false;  // otherwise on a serial console
};
std::optional<Typed> read_char();
// Whether read_char() found a port that had lost characters, and told of it: what stood there last
// is to be shown again. Says so once.
[[nodiscard]] bool told_of_loss();

// --- What it is ---
// Whether interrupt controllers, as the firmware left them, can address CPUs with ids above 8 bits.
[[nodiscard]] bool has_wide_cpu_ids();
// Where this CPU's local interrupt controller answers; 0 where it has none.
[[nodiscard]] uint64_t own_controller();
[[nodiscard]] bool has_no_execute();
[[nodiscard]] const char* why_no_execute_is_missing();  // where it has none
// What keeps the kernel from what it has no business doing (running or reading a user's pages, writing
// what is read-only, running data), on the CPU that runs this.
struct Protection {
  const char* name;
  bool there, on;  // the CPU has it; it is in force
};
[[nodiscard]] std::span<const Protection> protections();
void print_cpu(const mm::Printer& out);
// What mm has to know of this architecture's machines, with so many levels of page tables.
[[nodiscard]] mm::Platform platform(unsigned paging_levels);
// Frames that the CPU caches only in part or not at all, whatever page tables say: ascending runs,
// of which one that goes on to the end of the address space ends there. What is odd is told.
// Returns how many there are.
size_t uncached_frames(std::span<mm::PfnRange, kMostUncachedRuns> room, const mm::Printer& out);
// The names of the functions that called this one, innermost first.
void print_backtrace(const mm::Printer& out);

// For the tests in kernel/<arch>/selftest/.
[[nodiscard]] const ArchFacts* self_test_facts();

// First byte behind what the CPU can address.
[[nodiscard]] mm::Phys physical_end();

// --- Memory under test ---
// By the CPU's string instruction.
void copy_words(uint64_t to, uint64_t from, uint64_t words);
// The forms that this architecture knows, the widest last.
[[nodiscard]] std::span<const RunForm> run_forms();
// What caches hold of a range is in memory afterwards, and in no cache.
void write_back_caches(uint64_t virt, uint64_t bytes);

// --- Errors that the hardware tells of ---
// The banks in which this CPU finds them: open, and what stood there is told
// (left_hardware_error()). How many; 0: the CPU has none.
unsigned open_error_banks();
// What is in this CPU's banks is told (hardware_error()), and gone from there. Interrupts are
// masked.
void collect_errors();
// Runs run(context), in which memory that may lose its data is used. False: it did, so that run()
// was left in the middle, at a moment with interrupts on; nothing that it changed is put back.
bool attempt(void (*run)(void* context), void* context);

// --- The end ---
// design.md's table; the value is QEMU's exit status.
enum class End : uint8_t { PowerOff = 0, Passed = 33, Failed = 35 };
// Facts by which power_off() and reboot() reach the firmware; copied.
void prepare_end(const loader::Handoff& handoff, const loader::AcpiFacts& facts);
// In QEMU the status becomes QEMU's own. Elsewhere, and with PowerOff: ResetSystem, then ACPI's S5.
[[noreturn]] void power_off(End end);
// ResetSystem, then ACPI's reset register, then the keyboard controller.
[[noreturn]] void reboot();
// After a panic: QEMU ends with status 35; a real machine stands still, so that the text can be
// read.
[[noreturn]] void stop_after_panic();

// --- Live page tables ---
// The tables that lead to a page, of so many levels: their names and the bits of an address that choose
// among their entries, the one that has pages of 4 KiB first; and the highest bit that they translate,
// which all bits above it repeat.
struct TableLevel {
  const char* name;
  unsigned shift = 0, bits = 9;
};
struct TableLevels {
  std::span<const TableLevel> levels;
  unsigned top_bit;
};
[[nodiscard]] TableLevels table_levels(unsigned paging_levels);
// How the page's entry asks the CPU to keep what it holds; what it knows of the memory there may
// still forbid it.
enum class Caching : uint8_t { WriteBack, WriteThrough, WriteCombining, WriteProtected, Uncached };
struct Mapping {
  uint64_t virt = 0;
  uint64_t phys = 0;
  uint64_t size = 0;  // 4 KiB, 2 MiB or 1 GiB
  bool writable = false;
  bool executable = false;
  Caching caching = Caching::WriteBack;
};
// Calls visit(context, mapping) for every leaf of the tables in use, in ascending order, until it
// returns false.
using VisitMapping = bool (*)(void* context, const Mapping& mapping);
void walk_mappings(VisitMapping visit, void* context);
// Where a virtual address leads; nothing when it is not mapped.
std::optional<Mapping> find_mapping(uint64_t virt);
// Whether the whole range is mapped where `base` stands for address 0. For whoever follows an
// address that firmware claims to be a table's (loader::AcpiWalk).
[[nodiscard]] bool is_mapped(const void* base, mm::Range range);
// The first address of the range that is not.
[[nodiscard]] std::optional<mm::Phys> first_unmapped(const void* base, mm::Range range);

// Where memory comes from: frames of a node; whoever fails gives them back.
struct Frames {
  mm::PagesOr (*take)(void* context, mm::Gfp gfp, mm::NodeId node) = nullptr;
  void (*give)(void* context, mm::Pfn frame) = nullptr;
  void* context = nullptr;
};
// Maps a page of a device's registers where nothing is mapped; tables that are missing are frames from
// `frames`, and stay. False when there is none.
bool map_register_page(uint64_t virt, mm::Phys page, const Frames& frames);

// Addresses for mem_maps that RAM has no stretch for; all that were asked for stay.
[[nodiscard]] mm::Window mem_map_window();

// Memory in which code ran at its own address becomes what all RAM is there: written, and not run
// where the CPU has NX. False: a page of that code holds more than the range.
[[nodiscard]] bool make_data(mm::Range range);

// The pages below a CPU's stacks, of which nothing may be mapped; and all that it has mapped to
// itself, if it is not part of the kernel's image.
inline constexpr size_t kMostStacks = 5;
[[nodiscard]] std::span<const uint64_t> guard_pages(unsigned cpu,
                                                    std::span<uint64_t, kMostStacks> room);
[[nodiscard]] bool is_cpu_memory(const Mapping& mapping);
// With addresses of 32 bits (loader/arch.h): whether this one is among those that the kernel keeps for itself,
// so that nothing else stands there.
[[nodiscard]] bool is_kernels(uint64_t virt);
// The address in the image of what is mapped at one more address with the image's rights; nothing: it is
// no such address.
[[nodiscard]] std::optional<uint64_t> image_alias(uint64_t virt);
// Whether reading or writing at an address faults, found out by doing it. What is written is the
// byte that stood there.
bool can_read(uint64_t virt);
bool can_write(uint64_t virt);

// --- Devices ---
// What this CPU stored in memory before is seen by devices before what it stores next.
void order_for_devices();
// PCI configuration space by a PC's two I/O ports (PCI 3.0, section 3.2.2.3.2): 32 bits at bus << 16 |
// device << 11 | function << 8 | offset. Null where a machine has none.
struct ConfigPorts {
  uint32_t (*read)(uint32_t at);
  void (*write)(uint32_t at, uint32_t value);
};
[[nodiscard]] const ConfigPorts* config_ports();

// --- CPUs ---
// In an architecture's arch_inline.h, where it has one:
//   unsigned this_cpu()               the number of the CPU that runs this
//   bool mask_interrupts()            from here on none is taken; whether they were before
//   void restore_interrupts(bool on)  as mask_interrupts() found them
//   void hold_calls()                 from here on this CPU takes no call of another (take_call()),
//                                     nor finishes a machine check, however it is interrupted;
//                                     nests
//   void let_calls()                  the end of that; what came meanwhile is done
//   void add_own(T& own, T n)         a counter that only this CPU writes and others read
//   bool spend_own(int32_t& own, int32_t n)  own -= n; whether it is below 0 then
//   void relax()                      in a loop that waits for another CPU's store

struct StartFacts {
  mm::Phys trampoline;  // the page in which CPUs can begin; 0: there is none
  mm::Phys mailbox;     // by which firmware wakes CPUs that it has parked; 0: it has parked none
};
// This CPU can send and take interrupts, and nothing else interrupts it. Fails where it has no
// interrupt controller of its own; then no other CPU can be told anything.
mm::Result<> open_interrupts(const FirmwareTables& firmware);
// The id of the CPU that runs this, as the CPU says it.
[[nodiscard]] uint32_t hardware_id();
// Registers that must say the same on every CPU of a machine, as the one that runs this has them.
struct Register {
  const char* name;
  uint64_t value;
};
[[nodiscard]] std::array<Register, 4> common_registers();
// The revision of the microcode that a CPU runs; 0 where it does not tell.
[[nodiscard]] uint64_t microcode(unsigned cpu);
// Whether a CPU with such an id can be told anything.
[[nodiscard]] bool reaches_cpu(uint32_t id);
// Stacks and tables for a CPU; cpu.number is the one after the last that got them.
mm::Result<> prepare_cpu(const Cpu& cpu, const Frames& frames);
// Starts prepared CPUs side by side. `cpus` is the whole table, by number, and stays where it is:
// one that answers too late looks there, too, and stops. Those in state Starting become Online, and
// run secondary_main(), or Silent.
mm::Result<> start_cpus(std::span<Cpu> cpus, const StartFacts& facts, const Frames& frames);
// Interrupts another CPU: it runs take_call().
void interrupt_cpu(const Cpu& cpu);
// Every other CPU that is online stops for good where it is. How many did not within a second.
unsigned stop_other_cpus(std::span<const Cpu> cpus);
// This CPU stops for good; nothing wakes it.
[[noreturn]] void stop_cpu();
// Sleeps, interrupts on, until there is one, or at most so many microseconds (0: for ever).
// Interrupts are masked when it is called, so that none comes between a look and the sleep, and
// taken when it returns.
void sleep(uint64_t microseconds);
// Sleeps for a millisecond, in which a serial port's 16 characters cannot overflow, or less.
void doze();

}  // namespace arch

// What a CPU that was started does from then on (kernel/smp/smp.cpp).
[[noreturn]] void secondary_main(Cpu& cpu);
// In an interrupt: runs what others call this CPU for.
void take_call();

}  // namespace kernel

#if __has_include("arch_inline.h")
#include "arch_inline.h"
#else
namespace kernel::arch {
unsigned this_cpu();
bool mask_interrupts();
void restore_interrupts(bool on);
void hold_calls();
void let_calls();
template <class T>
void add_own(T& own, T n) {
  mm::ManyCpus::add(own, n);
}
inline bool spend_own(int32_t& own, int32_t n) { return mm::ManyCpus::spend(own, n); }
void relax();
}  // namespace kernel::arch
#endif
