#pragma once

/* The inner loops for which Swift has no instructions: products of panels in registers, and transposition, compiled
   for several instruction sets.

   A panel is a matrix in columns of sixteen: element (i, c) of a matrix of `rows` rows is at [c / 16][i][c % 16];
   from panel to panel it is a distance in floats that the caller gives. Panels start at multiples of 64 bytes,
   distances are multiples of 16 floats. */

/* What the processor must know. Every set gives the sums in the same order; all but the first round a product and
   its sum once. */
enum ckernels_set {
  ckernels_portable = 0, /* any processor: SSE2 on x86-64, NEON on arm64 */
  ckernels_avx2 = 1,     /* AVX2 and FMA */
  ckernels_avx512 = 2    /* AVX-512 F, VL, BW and DQ */
};

/* The best set that this processor has. */
enum ckernels_set ckernels_best_set(void);

/* A matrix in panels. */
struct ckernels_panels {
  float *_Nonnull base;
  long stride; /* floats from panel to panel */
};

/* The lengths of a product: target is rows x (16 panels), the sums have `inner` terms. */
struct ckernels_size {
  long rows, panels, inner;
};

/* target = left (rows x inner) right (inner x 16 panels), or += where `adding`; all in panels.

   Each sum runs over `inner` in order. What `left` has between `inner` and the next multiple of 16 is not read. */
void ckernels_multiply(
  enum ckernels_set set, struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target,
  struct ckernels_size size, int adding);

/* target = left' right, where left is inner x rows, in panels; or += where `adding`. */
void ckernels_multiply_transposed(
  enum ckernels_set set, struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target,
  struct ckernels_size size, int adding);

/* target[x * 16 + l] = source[l * stride + x] for x < count, l < lanes <= 16, and 0 for the other l. */
void ckernels_interleave(
  enum ckernels_set set, const float *_Nonnull source, long stride, long lanes, float *_Nonnull target, long count);

/* target[l * stride + x] = source[x * 16 + l] + bias[l] for x < count, l < lanes <= 16, negative sums replaced by 0
   where `relu`. `bias` has 16. */
void ckernels_deinterleave(
  enum ckernels_set set, const float *_Nonnull source, long count, const float *_Nonnull bias, int relu,
  float *_Nonnull target, long stride, long lanes);

/* The one-dimensional transforms of Winograd's F(4, 3) and F(5, 3). With n = m + 2 points: y = A'[(G g)(B' d)]. */
enum ckernels_transform {
  ckernels_input = 0,          /* B': n inputs to n points */
  ckernels_output = 1,         /* A': n points to m outputs */
  ckernels_upstream = 2,       /* A: m values to n points */
  ckernels_weight = 3,         /* G: 3 taps to n points */
  ckernels_weight_gradient = 4, /* G': n points to 3 taps */
  ckernels_input_transpose = 5 /* B: n points to n inputs */
};

/* Lines of vectors of sixteen floats: element k of a line is at base + outer turn * outer + inner turn * inner +
   neighbour * 16 + k * element. All distances are in floats, everything starts at a multiple of 64 bytes. */
struct ckernels_lines {
  float *_Nonnull base;
  long element, inner, outer;
};

/* How many lines: outer turns of inner turns of neighbours. */
struct ckernels_line_count {
  long outer, inner, neighbours;
};

/* The transform of F(m, 3), m = 4 or 5, of every line of `source` into the line of `target` in the same place.
   `source` is only read. */
void ckernels_transform_lines(
  enum ckernels_set set, long m, enum ckernels_transform transform, struct ckernels_lines source,
  struct ckernels_lines target, struct ckernels_line_count count);

/* Asks for the cache line at `address` ahead of its use. Any address may be given: one without memory is ignored. */
static inline void ckernels_prefetch(const float *_Nonnull address) { __builtin_prefetch(address); }
