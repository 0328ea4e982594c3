#include "efi/random.h"

#include <array>

#include "efi/arch.h"

namespace efi {
namespace {

void ask_firmware(const Firmware& firmware, loader::RandomPool& pool) {
  auto* const rng = protocol_anywhere<RandomProtocol>(firmware, kRandom);
  if (rng == nullptr || rng->get_rng == nullptr) return;
  std::array<UINT8, 32> bytes{};
  const std::array<UINT8, 32> before = bytes;
  // By the algorithm that it likes best. What says that it did and did nothing is no source.
  if (rng->get_rng(rng, nullptr, bytes.size(), bytes.data()) != EFI_SUCCESS || bytes == before)
    return;
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
