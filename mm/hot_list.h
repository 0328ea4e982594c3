// HotList: a list of blocks for one CPU, whose use costs least.
//
// Links are the blocks' Pages, by index into an array, which is given with each call. The newest
// block's `prev` and, of an empty list, the tail mean nothing.
#pragma once

#include "mm/page.h"

namespace mm {

struct HotList {
  FrameIndex head, tail;

  [[nodiscard]] bool empty() const { return head == kNoFrame; }

  void push(Page* mem_map, FrameIndex frame) {
    mem_map[frame].next = head;
    if (head == kNoFrame) {
      tail = frame;
    } else {
      mem_map[head].prev = frame;
    }
    head = frame;
  }
  // The newest. Only when not empty.
  FrameIndex pop(const Page* mem_map) {
    const FrameIndex frame = head;
    head = mem_map[frame].next;
    return frame;
  }
  // Adds blocks as the oldest, each older than the one before; finish() makes it a list again.
  class Appender {
   public:
    Appender(HotList& list, Page* mem_map)
        : list_(list),
          link_(list.empty() ? &list.head : &mem_map[list.tail].next),
          last_(list.tail) {}
    void add(Page& page, FrameIndex frame) {
      *link_ = frame;
      link_ = &page.next;
      page.prev = last_;
      last_ = frame;
    }
    void finish() {
      *link_ = kNoFrame;
      list_.tail = last_;
    }

   private:
    HotList& list_;
    FrameIndex* link_;
    FrameIndex last_;
  };
  // Takes the oldest, `most` at most, and calls visit(frame) for each, the oldest first.
  template <class Visit>
  [[gnu::always_inline]] void take_oldest(Page* mem_map, unsigned most, Visit visit) {
    if (empty()) return;
    FrameIndex frame = tail;
    for (; most != 0; --most) {
      const bool last = frame == head;
      const FrameIndex before = mem_map[frame].prev;  // of the last it means nothing
      visit(frame);
      if (last) {
        head = kNoFrame;
        return;
      }
      frame = before;
    }
    tail = frame;
    mem_map[frame].next = kNoFrame;
  }
};

}  // namespace mm
