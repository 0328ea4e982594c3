#include "tools/replay/machine_text.h"

#include "tools/replay/said.h"

namespace replay {
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
