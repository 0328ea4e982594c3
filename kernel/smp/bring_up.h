// From one CPU to all of them.
#pragma once

#include <cstddef>
#include <optional>

#include "kernel/booted.h"
#include "kernel/options.h"

namespace kernel {

struct CpuOptions {
  bool nosmp = false;  // or maxcpus=0: nothing is started, and no CPU is possible but one
  std::optional<uint64_t> started;   // maxcpus=: with the boot CPU
  std::optional<uint64_t> possible;  // possible_cpus=
};
// What is not a number is told, and counts as not said.
CpuOptions cpu_options(const Options& options, const mm::Printer& out);

// For how many CPUs there are to be page sets: those that are there or may be plugged in, or as
// many as an option says; at least one. Linux's nr_cpu_ids.
[[nodiscard]] unsigned possible_cpus(const loader::Madt& madt, const CpuOptions& options);

// What numbers and nodes of CPUs follow from.
struct CpuFacts {
  const loader::Madt& madt;
  std::span<const loader::CpuAffinity> affinities;  // empty where nobody believes them
  uint32_t boot_id = 0;
  CpuOptions options;
  bool (*reaches)(uint32_t id) = nullptr;  // whether an id can be addressed
};
// Fills a table of possible CPUs, by number: the boot CPU, then those that are to be started, in
// the MADT's order, then the rest.
void list_cpus(std::span<Cpu> table, const CpuFacts& facts);
// The same, but only their nodes.
void list_cpu_nodes(std::span<mm::NodeId> nodes, const CpuFacts& facts);
[[nodiscard]] CpuFacts cpu_facts(const Kept& kept, const FirmwareTables& tables, const Relay& relay,
                                 const CpuOptions& options);

// Starts them (interrupts have been opened), and tells what came of it in Linux's words. Whatever
// is missing for it is told, and the machine goes on with the CPUs it has.
void bring_up_cpus(Booted& machine, const CpuOptions& options, const mm::Printer& out);

}  // namespace kernel
