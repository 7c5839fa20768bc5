#if defined(__x86_64__)
#include "vectors.h"
#pragma clang attribute push( \
  __attribute__((target("avx2,fma,avx512f,avx512vl,avx512bw,avx512dq"))), apply_to = function)
#define TABLE ckernels_avx512_table
#define LANES 16
#define MOST_PANELS 4
#define MOST_ROWS 6
#include "kernels.h"
#pragma clang attribute pop
#endif
