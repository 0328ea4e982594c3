#include "efi/random.h"

#include <array>

#include "efi/arch.h"

namespace efi {
namespace {

constexpr EFI_GUID kRng = {
    0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};

struct RngProtocol {
  void* get_info;
  EFI_STATUS(EFIAPI* get)(RngProtocol* self, EFI_GUID* algorithm, UINTN size, UINT8* out);
};

void ask_firmware(const Firmware& firmware, loader::RandomPool& pool) {
  auto* const rng = protocol_anywhere<RngProtocol>(firmware, kRng);
  if (rng == nullptr || rng->get == nullptr) return;
  std::array<UINT8, 32> bytes{};
  const std::array<UINT8, 32> before = bytes;
  // By the algorithm that it likes best. What says that it did and did nothing is no source.
  if (rng->get(rng, nullptr, bytes.size(), bytes.data()) != EFI_SUCCESS || bytes == before) return;
  pool.add(loader::kRandomFirmware, bytes);
}

}  // namespace

loader::RandomPool gather_randomness(const Firmware& firmware, uint64_t tsc_entry) {
  loader::RandomPool pool;
  pool.add(loader::kRandomCounter, tsc_entry);
  ask_firmware(firmware, pool);
  ask_cpu(pool);
  pool.add(loader::kRandomCounter, read_counter());
  return pool;
}

}  // namespace efi
