// Of kernel/highmem.h.
#pragma once

#include "kernel/narrow/reach.h"
