// The firmware's runtime services, called in the address space they were built for: the handoff's
// runtime tables map what the firmware said it needs at its own addresses, and the kernel where it
// is. All that is passed lies in the kernel's image, which both know.
#include <algorithm>
#include <cstring>

#include "kernel/firmware_variables.h"
#include "kernel/page_walk.h"
#include "kernel/runtime_call.h"
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
  alignas(8) char16_t name[VariableName::kMaxLength + 1];
  alignas(8) loader::EfiGuid vendor;
  alignas(8) uint8_t data[kMaxVariable];
  uintptr_t size;
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

mm::Result<> pass_name(const VariableName& variable) {
  size_t length = 0;
  for (; variable.name[length] != 0; ++length) {
    if (length == VariableName::kMaxLength) {
      return mm::Error{"its name is too long (characters allowed {})", variable.called,
                       VariableName::kMaxLength};
    }
    arguments.name[length] = variable.name[length];
  }
  arguments.name[length] = 0;
  arguments.vendor = variable.vendor;
  return {};
}

mm::Error refused(mm::ErrorText what, const char* subject, uintptr_t status) {
  return {what, subject, status & ~kError};
}

}  // namespace

mm::Result<std::optional<size_t>> get_variable(const loader::Handoff& handoff,
                                               const VariableName& variable,
                                               std::span<uint8_t> out) {
  BATON_TRY(can_call(handoff));
  BATON_TRY(pass_name(variable));
  arguments.size = sizeof(arguments.data);
  const uintptr_t status = call(handoff, kGetVariable, arguments.name, &arguments.vendor,
                                &arguments.attributes, &arguments.size, arguments.data);
  if (status == kNotFound) return std::optional<size_t>();
  if (status != kSuccess) return refused("cannot be read (UEFI error {})", variable.called, status);
  if (arguments.size > out.size()) {
    return mm::Error{"is larger than there is room for (bytes {}, room {})", variable.called,
                     arguments.size, out.size()};
  }
  const auto size = static_cast<size_t>(arguments.size);
  std::memcpy(out.data(), arguments.data, size);
  return std::optional<size_t>(size);
}

mm::Result<> set_variable(const loader::Handoff& handoff, const VariableName& variable,
                          std::span<const uint8_t> content) {
  BATON_TRY(can_call(handoff));
  BATON_TRY(pass_name(variable));
  if (content.size() > sizeof(arguments.data)) {
    return mm::Error{"is too large (bytes {}, most {})", variable.called, content.size(),
                     sizeof(arguments.data)};
  }
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
  std::memcpy(arguments.data, content.data(), content.size());
  status = call(handoff, kSetVariable, arguments.name, &arguments.vendor, kAttributes,
                uintptr_t{content.size()}, arguments.data);
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
