// Doubly linked lists of blocks, through the `next` and `prev` of their first Pages.
//
// A list belongs to one node; links are indexes into its mem_map. Newest first: add_head() and the
// head are hot, add_tail() and the tail cold.
#pragma once

#include "mm/page.h"

namespace mm {

struct FrameList {
  FrameIndex head = kNoFrame, tail = kNoFrame;  // kNoFrame when empty

  [[nodiscard]] bool empty() const { return head == kNoFrame; }

  void add_head(Page* mem_map, FrameIndex frame) {
    Page& page = mem_map[frame];
    page.prev = kNoFrame;
    page.next = head;
    if (head == kNoFrame) {
      tail = frame;
    } else {
      mem_map[head].prev = frame;
    }
    head = frame;
  }

  void add_tail(Page* mem_map, FrameIndex frame) {
    Page& page = mem_map[frame];
    page.next = kNoFrame;
    page.prev = tail;
    if (tail == kNoFrame) {
      head = frame;
    } else {
      mem_map[tail].next = frame;
    }
    tail = frame;
  }

  void remove(Page* mem_map, FrameIndex frame) {
    const Page& page = mem_map[frame];
    if (page.prev == kNoFrame) {
      head = page.next;
    } else {
      mem_map[page.prev].next = page.next;
    }
    if (page.next == kNoFrame) {
      tail = page.prev;
    } else {
      mem_map[page.next].prev = page.prev;
    }
  }
};

}  // namespace mm
