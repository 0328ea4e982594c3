// libFuzzer's side of the one target that is linked with it.
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::targets().front()->run(data, size);
  return 0;
}
