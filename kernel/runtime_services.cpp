// The firmware's runtime services, called in the address space they were built for: the handoff's
// runtime tables map what the firmware said it needs at its own addresses, and the kernel where it
// is. All that is passed lies in the kernel's image, which both know.
#include "kernel/page_walk.h"
#include "kernel/runtime_call.h"
#include "kernel/variable_arguments.h"
#include "mm/types.h"

namespace kernel::arch {
namespace {

// UEFI 2.10 section 4.5: places in EFI_RUNTIME_SERVICES.
enum Service : uint8_t { kGetTime = 0, kGetVariable = 6, kSetVariable = 8, kQueryInfo = 13 };

// UINTNs, the highest bit of which tells errors.
constexpr uintptr_t kSuccess = 0, kError = ~(~uintptr_t{0} >> 1);
constexpr uintptr_t kNotFound = kError | 14, kUnsupported = kError | 3;

// Kept also when the boot services are gone, and there for us now.
constexpr uint32_t kAttributes = 1 | 2 | 4;  // non-volatile, boot services, runtime
constexpr uint64_t kKeptFree = 5 * mm::kKiB;

// EFI_TIME, section 8.3.
struct EfiTime {
  uint16_t year;
  uint8_t month, day, hour, minute, second, pad1;
  uint32_t nanosecond;
  int16_t zone;
  uint8_t daylight, pad2;
};
static_assert(sizeof(EfiTime) == 16);

// What the services read and write.
struct Arguments {
  VariableArguments variable;
  uint64_t maximum, remaining, largest;
  uint32_t attributes;
  EfiTime time;
};
constinit Arguments arguments{};

mm::Result<> can_call(const loader::Handoff& handoff) {
  const RuntimeServices services{handoff.runtime_root, handoff.firmware.system_table};
  return services.check(&arguments);
}

template <class... Args>
uintptr_t call(const loader::Handoff& handoff, Service service, Args... args) {
  const RuntimeServices services{handoff.runtime_root, handoff.firmware.system_table};
  return services.call<uintptr_t>(service, args...);
}

mm::Error refused(mm::ErrorText what, const char* subject, uintptr_t status) {
  return {what, subject, status & ~kError};
}

}  // namespace

mm::Result<std::optional<size_t>> get_variable(const loader::Handoff& handoff,
                                               const VariableName& variable,
                                               std::span<uint8_t> out) {
  BATON_TRY(can_call(handoff));
  VariableArguments& passed = arguments.variable;
  BATON_TRY(passed.set_name(variable));
  passed.size = passed.data.size();
  const uintptr_t status = call(handoff, kGetVariable, passed.name, &passed.vendor,
                                &arguments.attributes, &passed.size, passed.data.data());
  if (status == kNotFound) return std::optional<size_t>();
  if (status != kSuccess) return refused("cannot be read (UEFI error {})", variable.called, status);
  return std::optional<size_t>(BATON_TRY(passed.take_data(variable, out)));
}

mm::Result<> set_variable(const loader::Handoff& handoff, const VariableName& variable,
                          std::span<const uint8_t> content) {
  BATON_TRY(can_call(handoff));
  VariableArguments& passed = arguments.variable;
  BATON_TRY(passed.set_name(variable));
  BATON_TRY(passed.set_data(variable, content));
  uintptr_t status = call(handoff, kQueryInfo, kAttributes, &arguments.maximum,
                          &arguments.remaining, &arguments.largest);
  // Firmware before UEFI 2.0 cannot tell.
  const bool deletes = content.empty();
  if (status == kSuccess && !deletes && arguments.remaining < content.size() + kKeptFree) {
    return mm::Error{"the firmware has too little room for variables (bytes free {}, needed {})",
                     variable.called, arguments.remaining, content.size() + kKeptFree};
  }
  if (status != kSuccess && status != kUnsupported && !deletes) {
    return refused("the room for variables cannot be found out (UEFI error {})", variable.called,
                   status);
  }
  status = call(handoff, kSetVariable, passed.name, &passed.vendor, kAttributes, passed.size,
                passed.data.data());
  if (status != kSuccess && !(deletes && status == kNotFound))
    return refused("cannot be written (UEFI error {})", variable.called, status);
  return {};
}

mm::Result<FirmwareTime> firmware_time(const loader::Handoff& handoff) {
  BATON_TRY(can_call(handoff));
  const uintptr_t status = call(handoff, kGetTime, &arguments.time, static_cast<void*>(nullptr));
  if (status != kSuccess)
    return refused("cannot be read (UEFI error {})", "the firmware's clock", status);
  const EfiTime& t = arguments.time;
  return FirmwareTime{t.year, t.month, t.day, t.hour, t.minute, t.second};
}

}  // namespace kernel::arch
