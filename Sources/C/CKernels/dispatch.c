#include "vectors.h"

enum ckernels_set ckernels_best_set(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    const int is_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    return is_512 ? ckernels_avx512 : ckernels_avx2;
  }
#endif
  return ckernels_portable;
}

static const struct ckernels_table *table(enum ckernels_set set) {
#if defined(__x86_64__)
  if (set == ckernels_avx512) return &ckernels_avx512_table;
  if (set == ckernels_avx2) return &ckernels_avx2_table;
#else
  (void)set;
#endif
  return &ckernels_portable_table;
}

void ckernels_multiply(
  enum ckernels_set set, struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target,
  struct ckernels_size size, int adding) {
  table(set)->multiply(left, right, target, size, adding);
}

void ckernels_multiply_transposed(
  enum ckernels_set set, struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target,
  struct ckernels_size size, int adding) {
  table(set)->multiply_transposed(left, right, target, size, adding);
}

void ckernels_interleave(
  enum ckernels_set set, const float *source, long stride, long lanes, float *target, long count) {
  table(set)->interleave(source, stride, lanes, target, count);
}

void ckernels_deinterleave(
  enum ckernels_set set, const float *source, long count, const float *bias, int relu, float *target, long stride,
  long lanes) {
  table(set)->deinterleave(source, count, bias, relu, target, stride, lanes);
}

void ckernels_transform_lines(
  enum ckernels_set set, long m, enum ckernels_transform transform, struct ckernels_lines source,
  struct ckernels_lines target, struct ckernels_line_count count) {
  table(set)->transform_lines(m, transform, source, target, count);
}
