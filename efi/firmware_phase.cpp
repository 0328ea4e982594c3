#include "efi/firmware_phase.h"

#include <algorithm>
#include <cstring>

#include "efi/arch.h"
#include "efi/graphics.h"
#include "efi/last_run.h"
#include "efi/memory_map.h"
#include "efi/random.h"
#include "loader/selftest/firmware_tests.h"
#include "loader/world.h"

namespace efi {
namespace {

using loader::EfiStatus;

constexpr EFI_GUID kTcg2 = {
    0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};
constexpr EFI_GUID kMemoryAttribute = {
    0xf4560cf6, 0x40ec, 0x4b4a, {0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89}};

CHAR16* wide(const char16_t* name) {
  return reinterpret_cast<CHAR16*>(const_cast<char16_t*>(name));  // GNU-EFI's lacks a const
}

// A firmware of 32 bits cannot be asked for more than its word holds, which is too much as well.
UINTN own(uint64_t number) { return static_cast<UINTN>(std::min<uint64_t>(number, ~UINTN{0})); }

class RealFirmware final : public loader::TestedFirmware {
 public:
  explicit RealFirmware(const Firmware& firmware)
      : boot_(*firmware.boot),
        runtime_(*firmware.system->RuntimeServices),
        random_(protocol_anywhere<RandomProtocol>(firmware, kRandom)) {}

  [[nodiscard]] bool has_random() const { return random_ != nullptr; }
  [[nodiscard]] bool random_is_null() const {
    return random_ != nullptr && random_->get_rng == nullptr;
  }

  EfiStatus get_memory_map(std::byte* buffer, loader::MapCall& call) override {
    UINTN size = own(call.size);
    UINTN key = 0;
    UINTN stride = 0;
    UINT32 version = 0;
    const EFI_STATUS status = boot_.GetMemoryMap(
        &size, reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(buffer), &key, &stride, &version);
    call = {size, key, stride, version};
    return status;
  }
  EfiStatus allocate_pages(loader::AllocateHow how, uint32_t type, uint64_t pages,
                           uint64_t& address) override {
    return boot_.AllocatePages(static_cast<EFI_ALLOCATE_TYPE>(how),
                               static_cast<EFI_MEMORY_TYPE>(type), own(pages), &address);
  }
  EfiStatus free_pages(uint64_t address, uint64_t pages) override {
    return boot_.FreePages(address, own(pages));
  }
  EfiStatus allocate_pool(uint32_t type, uint64_t size, uint64_t& address) override {
    void* memory = nullptr;
    const EFI_STATUS status =
        boot_.AllocatePool(static_cast<EFI_MEMORY_TYPE>(type), own(size), &memory);
    address = reinterpret_cast<uintptr_t>(memory);
    return status;
  }
  EfiStatus free_pool(uint64_t address) override {
    return boot_.FreePool(reinterpret_cast<void*>(address));
  }
  EfiStatus get_time(loader::EfiTime& time) override {
    static_assert(sizeof(EFI_TIME) == sizeof(loader::EfiTime));
    EFI_TIME now;
    const EFI_STATUS status = runtime_.GetTime(&now, nullptr);
    std::memcpy(&time, &now, sizeof(time));
    return status;
  }
  EfiStatus next_variable(uint64_t& size, char16_t* name, loader::EfiGuid& vendor) override {
    EFI_GUID guid;
    std::memcpy(&guid, &vendor, sizeof(guid));
    UINTN bytes = own(size);
    const EFI_STATUS status = runtime_.GetNextVariableName(&bytes, wide(name), &guid);
    size = bytes;
    std::memcpy(&vendor, &guid, sizeof(guid));
    return status;
  }
  EfiStatus get_variable(const char16_t* name, const loader::EfiGuid& vendor, uint64_t& size,
                         void* data) override {
    EFI_GUID guid;
    std::memcpy(&guid, &vendor, sizeof(guid));
    UINTN bytes = own(size);
    const EFI_STATUS status = runtime_.GetVariable(wide(name), &guid, nullptr, &bytes, data);
    size = bytes;
    return status;
  }
  EfiStatus random(std::span<uint8_t> out) override {
    if (random_ == nullptr || random_is_null()) return loader::kEfiUnsupported;
    return random_->get_rng(random_, nullptr, out.size(), out.data());
  }
  std::optional<loader::LivePage> page_at(uint64_t address) override {
    const auto page = live_page(address);
    if (!page) return std::nullopt;
    return loader::LivePage{page->writable, page->executable};
  }

 private:
  EFI_BOOT_SERVICES& boot_;
  EFI_RUNTIME_SERVICES& runtime_;
  RandomProtocol* random_;
};

loader::FirmwareFacts facts_of(const Firmware& firmware, const RealFirmware& services) {
  const uint64_t image = reinterpret_cast<uintptr_t>(firmware.loaded->ImageBase);
  loader::FirmwareFacts facts;
  facts.system_table = reinterpret_cast<uintptr_t>(firmware.system);
  facts.image = {mm::Phys{image}, mm::Phys{image + firmware.loaded->ImageSize}};
  facts.code = reinterpret_cast<uintptr_t>(&run_firmware_phase);
  facts.stack = live_state().stack.v;
  facts.has_rng = services.has_random();
  facts.rng_is_null = services.random_is_null();
  facts.has_tcg2 = protocol_anywhere<void>(firmware, kTcg2) != nullptr;
  facts.has_memory_attribute = protocol_anywhere<void>(firmware, kMemoryAttribute) != nullptr;
  facts.framebuffer = find_framebuffer(firmware, {});
  const Cpu cpu = examine_cpu(firmware);
  facts.ends = loader::reach_of(cpu.wide.value_or(cpu.paging));  // of what may be started
  return facts;
}

const char* word(loader::Outcome outcome) {
  switch (outcome) {
    case loader::Outcome::Pass:
      return "pass";
    case loader::Outcome::Fail:
      return "FAIL";
    case loader::Outcome::Skip:
      return "skip";
  }
  return "?";
}

}  // namespace

mm::Result<FirmwarePhase> run_firmware_phase(const Firmware& firmware, std::string_view options,
                                             const MapOverBoots& boots, const mm::Printer& out) {
  constexpr size_t kTests = loader::kFirmwareTestRows.size();
  constexpr uint64_t kScratch = 16 * mm::kKiB;
  FirmwarePhase phase;
  const loader::Selection selection(options);
  if (!selection.asked() || selection.list()) return phase;

  const auto wanted = [&](const loader::SelfTest& row) { return selection.wants(row.id); };
  const bool any =
      std::any_of(loader::kFirmwareTestRows.begin(), loader::kFirmwareTestRows.end(), wanted);
  const MarkedRun marked(firmware, any ? "the firmware's self-tests" : nullptr, out);
  phase.storage = BATON_TRY(
      allocate_array<loader::HandoffResult>(firmware, kTests, "results of the firmware's tests"));
  const Pages scratch = BATON_TRY(allocate(firmware, kScratch, "room for the firmware's tests"));
  // Each comes with slack, which the first has when the second is there.
  const MemoryMap first = BATON_TRY(get_memory_map(firmware));
  const MemoryMap second = BATON_TRY(get_memory_map(firmware));

  RealFirmware services(firmware);
  loader::FirmwareFacts facts = facts_of(firmware, services);
  facts.over_boots = {boots.known, boots.changes()};
  loader::FirmwareBench bench{services, facts, first.room(), second.room(),
                              scratch.span<std::byte>()};
  const auto results = phase.storage.span<loader::HandoffResult>();
  for (const loader::SelfTest& row : loader::kFirmwareTestRows) {
    if (!selection.wants(row.id)) continue;
    // Its name first: where the firmware hangs, that is the last word on the console.
    out.part("{} ", row.id);
    const loader::Verdict verdict = loader::run_firmware_test(row, bench);
    const char* const said = verdict.facts();
    out.line("{}{}{}", word(verdict.outcome()), *said == '\0' ? "" : ": ", said);
    loader::HandoffResult& result = results[phase.count++];
    result.number = loader::self_test_number(row.id);
    result.outcome = static_cast<uint32_t>(verdict.outcome());
    static_assert(sizeof(result.facts) == loader::Facts::kSize);
    std::memcpy(result.facts, said, sizeof(result.facts));
  }
  return phase;
}

}  // namespace efi
