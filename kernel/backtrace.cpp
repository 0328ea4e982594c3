#include "kernel/backtrace.h"

#include "kernel/arch.h"
#include "kernel/symbols.h"
#include "mm/types.h"

// The linker script's and symbols.awk's names. NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const kernel::SymbolEntry kernel_symbols_start[], kernel_symbols_end[];
extern const char kernel_symbol_names[], kernel_symbol_names_end[];
extern const char kernel_start_address[], kernel_text_start[], kernel_text_end[];
extern const uint64_t kernel_link_address;
}
// NOLINTEND(readability-identifier-naming)

namespace kernel {
namespace {

constexpr unsigned kMaxFrames = 64;

SymbolTable symbols() {
  return {{kernel_symbols_start, kernel_symbols_end},
          {kernel_symbol_names, kernel_symbol_names_end},
          reinterpret_cast<uintptr_t>(kernel_text_start)};
}

bool is_text(uint64_t address) {
  return address >= reinterpret_cast<uintptr_t>(kernel_text_start) &&
         address < reinterpret_cast<uintptr_t>(kernel_text_end);
}

const Frame* frame_at(uint64_t pointer) {
  if (pointer % sizeof(uintptr_t) != 0) return nullptr;
  const auto start = static_cast<uintptr_t>(pointer + kFrameOffset);
  const auto stack = arch::stack_at(start);
  return stack && start + uint64_t{sizeof(Frame)} <= stack->end
             ? reinterpret_cast<const Frame*>(start)
             : nullptr;
}

}  // namespace

void print_code_address(const mm::Printer& out, uint64_t address, Code what) {
  // A call that never returns may be its function's last instruction: what it would return to is
  // the next function's already.
  const uint64_t back = what == Code::Return ? 1 : 0;
  const Symbol symbol = symbols().find(address - back);
  const bool named = is_text(address) && !symbol.name.empty();
  if (named) out.part("{}+{:#x}/{:#x} [", symbol.name, symbol.offset + back, symbol.size);
  if constexpr (sizeof(uintptr_t) == sizeof(uint64_t)) {
    out.part("{:016x}", address);
  } else {
    out.part("{:08x}", address);
  }
  if (named) out.text("]");
}

void print_backtrace_from(const mm::Printer& out, uint64_t at, uint64_t pointer) {
  out.line("Call Trace:");
  uint64_t address = at;
  Code what = Code::Stopped;
  for (unsigned depth = 0; depth < kMaxFrames; ++depth) {
    out.text(" ");
    print_code_address(out, address, what);
    out.text("\n");
    const Frame* frame = frame_at(pointer);
    if (frame == nullptr || !is_text(frame->return_address)) return;
    address = frame->return_address;
    what = Code::Return;
    if (frame->caller <= pointer)
      pointer = 0;  // the outermost, or damage
    else
      pointer = frame->caller;
  }
  out.line(" ...");
}

void print_image_offset(const mm::Printer& out) {
  if constexpr (sizeof(uintptr_t) == sizeof(uint64_t)) {
    out.line("Kernel Offset: {:#x} from {:#x}",
             reinterpret_cast<uintptr_t>(kernel_start_address) - kernel_link_address,
             kernel_link_address);
  }
}

void arch::print_backtrace(const mm::Printer& out) {
  const auto pointer = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const auto* frame = reinterpret_cast<const Frame*>(pointer + kFrameOffset);
  print_backtrace_from(out, frame->return_address, frame->caller);
}

}  // namespace kernel
