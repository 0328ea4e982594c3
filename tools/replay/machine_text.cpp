#include "tools/replay/machine_text.h"

#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::E820Type;

std::string kind_of(E820Type type) {
  switch (type) {
    case E820Type::Ram:
      return "usable";
    case E820Type::Reserved:
      return "reserved";
    case E820Type::Acpi:
      return "acpi-data";
    case E820Type::Nvs:
      return "acpi-nvs";
    case E820Type::Unusable:
      return "unusable";
    case E820Type::Pmem:
      return "persistent";
    default:
      return said("type-{}", static_cast<uint32_t>(type));
  }
}

std::string range_of(mm::Range range) {
  return said("0x{:012x} 0x{:012x}", range.start.v, range.end.v);
}

std::string entry_of(const char* keyword, const mm::E820Entry& entry) {
  return std::string(keyword) + " " + range_of(entry.range) + " " + kind_of(entry.type) + "\n";
}

}  // namespace

std::string facts_text(const Machine& machine, const std::string& name) {
  std::string text = "machine " + name + "\n";
  if (machine.kind == MachineKind::Arm64) text += "rules arm64\n";
  if (machine.kind == MachineKind::Arm) text += "rules arm\n";
  if (machine.end_of_low) text += said("lowmem {:#x}\n", machine.end_of_low->v);
  if (machine.end_of_reach) text += said("reach {:#x}\n", machine.end_of_reach->v);
  text += "\n";
  for (const auto& entry : machine.firmware) text += entry_of("e820", entry);
  for (const auto& entry : machine.user) text += entry_of("user", entry);
  for (const mm::Range& trim : machine.mtrr_trims) text += "trim " + range_of(trim) + "\n";
  for (const mm::Range& range : machine.ignored) text += "ignored " + range_of(range) + "\n";
  if (!machine.srat.empty()) text += "\n";
  for (const mm::MemoryAffinity& entry : machine.srat) {
    text += said("srat-memory {} ", entry.node) + range_of(entry.range) +
            (entry.hotplug ? " hotplug" : "") + (entry.nonvolatile ? " non-volatile" : "") + "\n";
  }
  if (!machine.named.empty()) text += "\n";
  for (mm::NodeId node = 0; node < machine.named.end(); ++node) {
    if (machine.named.has(node)) text += said("pxm {} {}\n", node, node);
  }
  return text;
}

namespace {

std::string qemu_program(const Machine& machine) {
  switch (machine.kind) {
    case MachineKind::Arm64:
      return "qemu-system-aarch64 -machine virt";
    case MachineKind::Arm:
      return "qemu-system-arm -machine virt";
    case MachineKind::Pc:
      break;
  }
  return machine.end_of_low ? "qemu-system-i386 -machine q35" : "qemu-system-x86_64 -machine q35";
}

}  // namespace

mm::Result<std::string> qemu_text(const Replayed& replayed) {
  constexpr size_t kMostNodes = 128;
  const auto nodes = replayed.relay().layout().nodes;
  size_t count = 0;
  for (const mm::NodeLayout& node : nodes) count += node.id == mm::kNoNode ? 0 : 1;
  if (count > kMostNodes)
    return mm::Error{"more nodes than QEMU makes ({}, at most {})", nullptr, count, kMostNodes};
  std::string text;
  uint64_t total = 0;
  size_t cpu = 0;
  for (const mm::NodeLayout& node : nodes) {
    if (node.id == mm::kNoNode) continue;
    const uint64_t mib = (node.present * mm::kPageSize + mm::kMiB - 1) / mm::kMiB;
    total += mib;
    if (count == 1) break;
    if (mib != 0) {
      text += said(" -object memory-backend-ram,id=ram{},size={}M,reserve=off", node.id, mib);
    }
    text += said(" -numa node,nodeid={},cpus={}", node.id, cpu++);
    if (mib != 0) text += said(",memdev=ram{}", node.id);
  }
  return qemu_program(replayed.machine()) + said(" -m {}M -smp {}", total, count) + text;
}

}  // namespace replay
