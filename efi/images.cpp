#include "efi/images.h"

namespace efi {

mm::Result<Kernel> load_kernel(const Firmware& firmware, const Volume& volume, const Trust& trust,
                               const char* path, const mm::Printer& progress) {
  Kernel kernel;
  kernel.file = BATON_TRY(volume.read(firmware, path, progress));
  BATON_TRY(trust.check_kernel(kernel.file, path));
  const std::span<const uint8_t> bytes = kernel.file.bytes();
  kernel.image = BATON_TRY(loader::parse_elf(bytes, path));
  kernel.memory = BATON_TRY(allocate_aligned(firmware, kernel.image.size, loader::kImageAlign,
                                             kernel.image.start % loader::kImageAlign, path));
  loader::load_elf(kernel.image, bytes,
                   {reinterpret_cast<uint8_t*>(kernel.place().start.v),
                    static_cast<size_t>(kernel.place().size())});
  kernel.segment_count =
      loader::place_segments(kernel.image, kernel.place().start, kernel.segment_storage);
  return kernel;
}

mm::Result<File> load_initrd(const Firmware& firmware, const Volume& volume, const Trust& trust,
                             const char* path, const mm::Printer& progress) {
  if (path == nullptr) return File{};
  File file = BATON_TRY(volume.read(firmware, path, progress));
  if (file.size == 0) return mm::Error{"is empty", path};
  BATON_TRY(trust.check(file, path));
  return file;
}

}  // namespace efi
