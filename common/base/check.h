// NS_CHECK: for our own bugs only. Bytes from disk, wire or a command line
// never reach one.
#pragma once

#include <cstdio>
#include <cstdlib>

#define NS_CHECK(condition)                                                 \
  do {                                                                      \
    if (!(condition)) {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, \
                   #condition);                                             \
      std::abort();                                                         \
    }                                                                       \
  } while (false)
