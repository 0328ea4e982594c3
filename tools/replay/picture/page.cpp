#include "tools/replay/picture/page.h"

#include "replay_page.h"

namespace replay {

std::string page_of(std::string_view data) {
  std::string page(kPageHead);
  page += data;
  page += kPageTail;
  return page;
}

}  // namespace replay
