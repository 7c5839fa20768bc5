/* The kernels for one instruction set. A file that includes this defines TABLE, the name of its table, and the size
   of a block of sums that its registers hold: MOST_ROWS rows (2 or 6) of MOST_PANELS (1 or 4) vectors of sixteen;
   LANES, the floats of a register. */

#include "vectors.h"

#pragma clang fp contract(fast)

/* The loop over `inner` stays rolled in sixteens so that its body is one panel's line of `left`. */
#define BODY(ROWS, PANELS, LEFT, RIGHT) \
  { \
    sixteen right_[PANELS]; \
    for (int j = 0; j < PANELS; j++) right_[j] = *(const sixteen *)(RIGHT); \
    for (int i = 0; i < ROWS; i++) { \
      const float value = (LEFT); \
      const sixteen left_ = {value, value, value, value, value, value, value, value, \
                             value, value, value, value, value, value, value, value}; \
      for (int j = 0; j < PANELS; j++) sums[i][j] += left_ * right_[j]; \
    } \
  }

/* Sums in registers. What they are added to or replace is asked for now, to be there in the end. */
#define SUMS(ROWS, PANELS) \
  sixteen sums[ROWS][PANELS]; \
  for (int i = 0; i < ROWS; i++) { \
    for (int j = 0; j < PANELS; j++) { \
      sums[i][j] = (sixteen){0}; \
      __builtin_prefetch(target.base + j * target.stride + i * 16, 1); \
    } \
  }

#define STORE(ROWS, PANELS) \
  for (int i = 0; i < ROWS; i++) { \
    for (int j = 0; j < PANELS; j++) { \
      sixteen *const t = (sixteen *)(target.base + j * target.stride + i * 16); \
      *t = adding ? *t + sums[i][j] : sums[i][j]; \
    } \
  }

/* Sums over the columns of `left`, and over its rows. */
#define BLOCK(ROWS, PANELS) \
  static void straight_##ROWS##_##PANELS( \
    struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target, long inner, \
    int adding) { \
    SUMS(ROWS, PANELS) \
    const float *l = left.base, *r = right.base; \
    for (; inner >= 16; inner -= 16, l += left.stride, r += 256) { \
      for (int i = 0; i < ROWS; i++) __builtin_prefetch(l + left.stride + i * 16); \
      _Pragma("clang loop unroll_count(4)") for (int n = 0; n < 16; n++) \
        BODY(ROWS, PANELS, l[i * 16 + n], r + j * right.stride + n * 16) \
    } \
    for (int n = 0; n < inner; n++) BODY(ROWS, PANELS, l[i * 16 + n], r + j * right.stride + n * 16) \
    STORE(ROWS, PANELS) \
  } \
  static void turned_##ROWS##_##PANELS( \
    struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target, long inner, \
    int adding) { \
    SUMS(ROWS, PANELS) \
    const float *l = left.base, *r = right.base; \
    _Pragma("clang loop unroll_count(4)") for (long n = 0; n < inner; n++) \
      BODY(ROWS, PANELS, l[n * 16 + i], r + j * right.stride + n * 16) \
    STORE(ROWS, PANELS) \
  }

typedef void block(struct ckernels_panels, struct ckernels_panels, struct ckernels_panels, long, int);

#define BLOCKS(PANELS) \
  BLOCK(1, PANELS) BLOCK(2, PANELS) BLOCK(3, PANELS) BLOCK(4, PANELS) BLOCK(5, PANELS) BLOCK(6, PANELS)
#define NAMES(KIND, PANELS) \
  {KIND##_1_##PANELS, KIND##_2_##PANELS, KIND##_3_##PANELS, KIND##_4_##PANELS, KIND##_5_##PANELS, KIND##_6_##PANELS}

BLOCKS(1)
#if MOST_PANELS == 4
BLOCKS(2)
BLOCKS(3)
BLOCKS(4)
#define TABLE_OF(KIND) {NAMES(KIND, 1), NAMES(KIND, 2), NAMES(KIND, 3), NAMES(KIND, 4)}
#else
#define TABLE_OF(KIND) {NAMES(KIND, 1)}
#endif
static block *const straight_blocks[MOST_PANELS][6] = TABLE_OF(straight);
static block *const turned_blocks[MOST_PANELS][6] = TABLE_OF(turned);

ALWAYS_INLINE long least(long a, long b) { return a < b ? a : b; }

/* From the panel `panel` and row `row` on. */
ALWAYS_INLINE struct ckernels_panels from(struct ckernels_panels m, long panel, long row) {
  m.base += panel * m.stride + row * 16;
  return m;
}

static void multiply(
  struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target, struct ckernels_size size,
  int adding) {
  for (long panel = 0; panel < size.panels; panel += MOST_PANELS) {
    block *const *blocks = straight_blocks[least(MOST_PANELS, size.panels - panel) - 1];
    for (long row = 0; row < size.rows; row += MOST_ROWS)
      blocks[least(MOST_ROWS, size.rows - row) - 1](
        from(left, 0, row), from(right, panel, 0), from(target, panel, row), size.inner, adding);
  }
}

static void multiply_transposed(
  struct ckernels_panels left, struct ckernels_panels right, struct ckernels_panels target, struct ckernels_size size,
  int adding) {
  for (long panel = 0; panel < size.panels; panel += MOST_PANELS) {
    block *const *blocks = turned_blocks[least(MOST_PANELS, size.panels - panel) - 1];
    for (long first = 0; first < size.rows; first += 16) {
      const long end = least(size.rows, first + 16);
      for (long row = first; row < end; row += MOST_ROWS) {
        struct ckernels_panels turned = from(left, first / 16, 0);
        turned.base += row - first;
        blocks[least(MOST_ROWS, end - row) - 1](
          turned, from(right, panel, 0), from(target, panel, row), size.inner, adding);
      }
    }
  }
}

/* Transposes sixteen vectors: pairs within quarters of a vector, then the quarters. */
ALWAYS_INLINE void transpose(const sixteen rows[16], sixteen columns[16]) {
  sixteen pairs[16], quads[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    pairs[i + 1] =
      __builtin_shufflevector(rows[i], rows[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  for (int g = 0; g < 16; g += 4) {
    for (int h = 0; h < 2; h++) {
      const sixteen a = pairs[g + h], b = pairs[g + h + 2];
      quads[g + 2 * h] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      quads[g + 2 * h + 1] = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
  for (int j = 0; j < 4; j++) {
    const sixteen a = quads[j], b = quads[4 + j], c = quads[8 + j], d = quads[12 + j];
    const sixteen ab_even = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const sixteen ab_odd = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const sixteen cd_even = __builtin_shufflevector(c, d, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const sixteen cd_odd = __builtin_shufflevector(c, d, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    columns[j] = __builtin_shufflevector(ab_even, cd_even, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    columns[4 + j] = __builtin_shufflevector(ab_odd, cd_odd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    columns[8 + j] =
      __builtin_shufflevector(ab_even, cd_even, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    columns[12 + j] =
      __builtin_shufflevector(ab_odd, cd_odd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
}

static void interleave(const float *source, long stride, long lanes, float *target, long count) {
  if (lanes == 16 && count >= 16) {
    for (long x = 0; x < count;) {
      sixteen rows[16], columns[16];
      for (int l = 0; l < 16; l++) rows[l] = *(const loose_sixteen *)(source + l * stride + x);
      transpose(rows, columns);
      for (int i = 0; i < 16; i++) *(sixteen *)(target + (x + i) * 16) = columns[i];
      /* The last vectors overlap the ones before rather than leave the row. */
      x = x + 16 < count && x + 32 > count ? count - 16 : x + 16;
    }
    return;
  }
  for (long x = 0; x < count; x++) {
    for (long l = 0; l < lanes; l++) target[x * 16 + l] = source[l * stride + x];
    for (long l = lanes; l < 16; l++) target[x * 16 + l] = 0;
  }
}

static void deinterleave(
  const float *source, long count, const float *bias, int relu, float *target, long stride, long lanes) {
  const sixteen biases = *(const loose_sixteen *)bias;
  if (lanes == 16 && count >= 16) {
    for (long x = 0; x < count;) {
      sixteen rows[16], columns[16];
      for (int i = 0; i < 16; i++) {
        rows[i] = *(const sixteen *)(source + (x + i) * 16) + biases;
        if (relu) rows[i] = (sixteen)((mask_sixteen)rows[i] & ~(mask_sixteen)(rows[i] < 0));
      }
      transpose(rows, columns);
      for (int l = 0; l < 16; l++) *(loose_sixteen *)(target + l * stride + x) = columns[l];
      x = x + 16 < count && x + 32 > count ? count - 16 : x + 16;
    }
    return;
  }
  for (long l = 0; l < lanes; l++) {
    for (long x = 0; x < count; x++) {
      const float value = source[x * 16 + l] + bias[l];
      target[l * stride + x] = relu && value < 0 ? 0 : value;
    }
  }
}

#include "winograd.h"

const struct ckernels_table TABLE = {multiply, multiply_transposed, interleave, deinterleave, transform_lines};
