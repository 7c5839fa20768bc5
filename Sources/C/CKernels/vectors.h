#pragma once

#include "CKernels.h"

/* Sixteen floats, whatever the processor's vectors; clang cuts them as needed. */
typedef float sixteen __attribute__((vector_size(64), aligned(64)));
typedef float loose_sixteen __attribute__((vector_size(64), aligned(4)));
typedef int mask_sixteen __attribute__((vector_size(64), aligned(64)));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* One instruction set's kernels. */
struct ckernels_table {
  void (*multiply)(struct ckernels_panels, struct ckernels_panels, struct ckernels_panels, struct ckernels_size, int);
  void (*multiply_transposed)(
    struct ckernels_panels, struct ckernels_panels, struct ckernels_panels, struct ckernels_size, int);
  void (*interleave)(const float *, long, long, float *, long);
  void (*deinterleave)(const float *, long, const float *, int, float *, long, long);
  void (*transform_lines)(
    long, enum ckernels_transform, struct ckernels_lines, struct ckernels_lines, struct ckernels_line_count);
};

extern const struct ckernels_table ckernels_portable_table;
#if defined(__x86_64__)
extern const struct ckernels_table ckernels_avx2_table;
extern const struct ckernels_table ckernels_avx512_table;
#endif
