#include "efi/images.h"

namespace efi {

mm::Result<Kernel> load_kernel(const Firmware& firmware, const Volume& volume, const char* path,
                               const mm::Printer& progress) {
  const File file = BATON_TRY(volume.read(firmware, path, progress));
  Kernel kernel;
  kernel.image = BATON_TRY(loader::parse_elf(file.bytes(), path));
  kernel.pages = BATON_TRY(allocate_aligned(firmware, kernel.image.size, loader::kImageAlign,
                                            kernel.image.start % loader::kImageAlign, path));
  loader::load_elf(kernel.image, file.bytes(), kernel.pages.span<uint8_t>());
  kernel.segment_count =
      loader::place_segments(kernel.image, kernel.pages.range().start, kernel.segment_storage);
  return kernel;
}

mm::Result<File> load_initrd(const Firmware& firmware, const Volume& volume, const char* path,
                             const mm::Printer& progress) {
  if (path == nullptr) return File{};
  File file = BATON_TRY(volume.read(firmware, path, progress));
  if (file.size == 0) return mm::Error{"is empty", path};
  return file;
}

}  // namespace efi
