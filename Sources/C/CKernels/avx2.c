#if defined(__x86_64__)
#include "vectors.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define TABLE ckernels_avx2_table
#define LANES 8
#define MOST_PANELS 1
#define MOST_ROWS 6
#include "kernels.h"
#pragma clang attribute pop
#endif
