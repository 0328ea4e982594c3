// The machine under the kernel, as far as host programs come to it.
#include "tests/support/pretend_hardware.h"

#include <algorithm>
#include <optional>
#include <span>

#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/firmware_variables.h"
#include "kernel/page_walk.h"

// It has no image.
void kernel::print_image_offset(const mm::Printer&) {}

// Nothing is typed, and mapped is what the header says.
namespace kernel::arch {

uint64_t cycles() { return this_cpu() == 0 ? 0 : test::hardware.ahead; }
uint64_t microseconds() {
  if (this_cpu() == 0 && test::hardware.at_the_time) test::hardware.at_the_time();
  return 0;
}
std::optional<Typed> read_char() { return std::nullopt; }
bool told_of_loss() { return false; }
bool open_keyboard() { return true; }
bool map_register_page(uint64_t, mm::Phys, const Frames&) { return false; }
void order_for_devices() {}
const ConfigPorts* config_ports() { return nullptr; }
bool has_no_execute() { return test::hardware.no_execute; }
const char* why_no_execute_is_missing() { return "missing in CPU!"; }
uint64_t own_controller() { return 0; }
const ArchFacts* self_test_facts() { return nullptr; }
size_t uncached_frames(std::span<mm::PfnRange, kMostUncachedRuns>, const mm::Printer&) { return 0; }
void print_cpu(const mm::Printer& out) { out.line("CPU: pretended"); }
bool has_wide_cpu_ids() { return false; }
mm::Phys physical_end() { return mm::Phys{uint64_t{1} << 40}; }
mm::Result<std::optional<size_t>> get_variable(const loader::Handoff&, const VariableName& variable,
                                               std::span<uint8_t> out) {
  const auto* const all = test::hardware.variables;
  const auto found = all == nullptr ? decltype(all->end()){} : all->find(variable.name);
  if (all == nullptr || found == all->end()) return std::optional<size_t>{};
  if (found->second.size() > out.size()) return mm::Error{"is too large", variable.called};
  std::copy(found->second.begin(), found->second.end(), out.begin());
  return std::optional<size_t>{found->second.size()};
}
mm::Result<> set_variable(const loader::Handoff&, const VariableName& variable,
                          std::span<const uint8_t> content) {
  auto* const all = test::hardware.variables;
  if (all == nullptr) return mm::Error{"this machine has no firmware", "SetVariable"};
  if (content.empty()) {
    all->erase(variable.name);
  } else {
    (*all)[variable.name] = {content.begin(), content.end()};
  }
  return {};
}
mm::Result<FirmwareTime> firmware_time(const loader::Handoff&) {
  if (test::hardware.variables != nullptr) return FirmwareTime{2026, 11, 27, 4, 40, 0};
  return mm::Error{"this machine has no firmware", "GetTime"};
}
void print_backtrace(const mm::Printer&) {}
void power_off(End) { throw "power_off"; }
void reboot() { throw "reboot"; }
std::span<const Protection> protections() { return test::hardware.protections; }
bool make_data(mm::Range) { return true; }
void stop_after_panic() { throw "panic"; }
void prepare_last_words() {}
void say_on_first_port(std::string_view) {}
void walk_mappings(VisitMapping visit, void* context) {
  for (const Mapping& mapping : test::hardware.mappings) {
    if (!visit(context, mapping)) return;
  }
}
TableLevels table_levels(unsigned paging_levels) {
  static constexpr TableLevel kLevels[] = {
      {"PT", 12}, {"PD", 21}, {"PDPT", 30}, {"PML4", 39}, {"PML5", 48}};
  return {std::span(kLevels).first(paging_levels), paging_levels == 5 ? 56u : 47u};
}
std::optional<Mapping> find_mapping(uint64_t virt) {
  for (const Mapping& mapping : test::hardware.mappings) {
    if (virt - mapping.virt < mapping.size) return mapping;
  }
  return std::nullopt;
}
bool is_mapped(const void*, mm::Range) { return false; }
uint64_t tables_for_small_pages(uint64_t, uint64_t) { return 0; }
bool make_small_pages(uint64_t, uint64_t, const mm::Window::Tables&) { return true; }
void drop_identity_map() {}
void set_present(uint64_t virt, uint64_t pages, bool present) {
  for (; pages > 0; --pages, virt += mm::kPageSize) {
    if (virt == test::hardware.stays_absent) continue;
    if (present) {
      test::hardware.faults.erase(virt);
    } else {
      test::hardware.faults.insert(virt);
    }
  }
}
std::optional<mm::Phys> absent_page(uint64_t) { return std::nullopt; }
std::span<const uint64_t> guard_pages(unsigned, std::span<uint64_t, kMostStacks>) {
  return test::hardware.guards;
}
bool can_read(uint64_t virt) {
  return test::hardware.faults.count(mm::align_down(virt, mm::kPageSize)) == 0;
}
bool can_write(uint64_t virt) { return can_read(virt); }
void copy_words(uint64_t to, uint64_t from, uint64_t words) {
  for (; words > 0; --words, to += 8, from += 8) {
    *reinterpret_cast<uint64_t*>(to) = *reinterpret_cast<const uint64_t*>(from);  // NOLINT
  }
}
void write_back_caches(uint64_t, uint64_t) {}
std::span<const RunForm> run_forms() {
  static constexpr RunForm kForms[] = {{"sse2", true, {}, {}, {}, {}, {}},
                                       {"avx2", false, {}, {}, {}, {}, {}}};
  return kForms;
}
unsigned open_error_banks() { return 0; }
void collect_errors() {}
bool attempt(void (*run)(void* context), void* context) {
  try {
    run(context);
    return true;
  } catch (const test::MachineCheck&) {
    return false;
  }
}
uint64_t combine_writes(uint64_t, uint64_t, const mm::DirectMap&) { return 0; }

}  // namespace kernel::arch
