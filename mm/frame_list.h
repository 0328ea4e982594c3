// Doubly linked lists, through the `next` and `prev` of what is on them: blocks, by their Pages, or
// regions.
//
// Links are indexes into an array, which is given with each call. Newest first: add_head() and the
// head are hot, add_tail() and the tail cold.
#pragma once

#include "mm/page.h"

namespace mm {

struct FrameList {
  FrameIndex head,
      tail;  // kNoFrame when empty; trivial, so that arrays of them cost nothing to make

  [[nodiscard]] bool empty() const { return head == kNoFrame; }

  template <class Item>
  void add_head(Item* items, FrameIndex index) {
    items[index].prev = kNoFrame;
    items[index].next = head;
    if (head == kNoFrame) {
      tail = index;
    } else {
      items[head].prev = index;
    }
    head = index;
  }

  template <class Item>
  void add_tail(Item* items, FrameIndex index) {
    items[index].next = kNoFrame;
    items[index].prev = tail;
    if (tail == kNoFrame) {
      head = index;
    } else {
      items[tail].next = index;
    }
    tail = index;
  }

  template <class Item>
  void remove(Item* items, FrameIndex index) {
    const Item& item = items[index];
    if (item.prev == kNoFrame) {
      head = item.next;
    } else {
      items[item.prev].next = item.next;
    }
    if (item.next == kNoFrame) {
      tail = item.prev;
    } else {
      items[item.next].prev = item.prev;
    }
  }
};

// A list for one CPU, whose use costs least: the newest block's `prev` and, of an empty list, the
// tail mean nothing.
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
