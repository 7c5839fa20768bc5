/* Winograd's one-dimensional transforms, for `kernels.h`. A transform reads IN(k) and writes OUT(k), a register of
   floats each. */

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4 * LANES)));

#define IN(k) (*(const vector *)(source + (k) * from))
#define OUT(k) (*(vector *)(target + (k) * to))
#define TRANSFORM(NAME) ALWAYS_INLINE void NAME(const float *source, long from, float *target, long to)

/* F(4, 3) at 0, +-3/4, +-3/2 and infinity: errors are a third of those of the usual 0, +-1, +-2. */

static const float four_a = 0.75f, four_b = 1.5f;
static const float four_aa = 0.75f * 0.75f, four_bb = 1.5f * 1.5f;
/* Rows of G are divided by the products of the differences of the points. */
static const float four_share_0 = 1 / (0.75f * 0.75f * 1.5f * 1.5f);
static const float four_share_a = 1 / (2 * 0.75f * 0.75f * (0.75f * 0.75f - 1.5f * 1.5f));
static const float four_share_b = 1 / (2 * 1.5f * 1.5f * (1.5f * 1.5f - 0.75f * 0.75f));

TRANSFORM(four_input) {
  const vector d0 = IN(0), d1 = IN(1), d2 = IN(2), d3 = IN(3), d4 = IN(4), d5 = IN(5);
  const vector even_a = d4 - d2 * four_bb, odd_a = (d3 - d1 * four_bb) * four_a;
  const vector even_b = d4 - d2 * four_aa, odd_b = (d3 - d1 * four_aa) * four_b;
  OUT(0) = d0 * (four_aa * four_bb) - d2 * (four_aa + four_bb) + d4;
  OUT(1) = even_a + odd_a;
  OUT(2) = even_a - odd_a;
  OUT(3) = even_b + odd_b;
  OUT(4) = even_b - odd_b;
  OUT(5) = d1 * (four_aa * four_bb) - d3 * (four_aa + four_bb) + d5;
}

TRANSFORM(four_input_transpose) {
  const vector p0 = IN(0), p1 = IN(1), p2 = IN(2), p3 = IN(3), p4 = IN(4), p5 = IN(5);
  const vector sum_a = p1 + p2, difference_a = p1 - p2, sum_b = p3 + p4, difference_b = p3 - p4;
  OUT(0) = p0 * (four_aa * four_bb);
  OUT(1) = p5 * (four_aa * four_bb) - difference_a * (four_a * four_bb) - difference_b * (four_b * four_aa);
  OUT(2) = -p0 * (four_aa + four_bb) - sum_a * four_bb - sum_b * four_aa;
  OUT(3) = difference_a * four_a + difference_b * four_b - p5 * (four_aa + four_bb);
  OUT(4) = p0 + sum_a + sum_b;
  OUT(5) = p5;
}

TRANSFORM(four_output) {
  const vector m1 = IN(1), m2 = IN(2), m3 = IN(3), m4 = IN(4);
  const vector sum_a = m1 + m2, difference_a = m1 - m2, sum_b = m3 + m4, difference_b = m3 - m4;
  OUT(0) = IN(0) + sum_a + sum_b;
  OUT(1) = difference_a * four_a + difference_b * four_b;
  OUT(2) = sum_a * four_aa + sum_b * four_bb;
  OUT(3) = difference_a * (four_aa * four_a) + difference_b * (four_bb * four_b) + IN(5);
}

TRANSFORM(four_upstream) {
  const vector y0 = IN(0), y1 = IN(1), y2 = IN(2), y3 = IN(3);
  const vector even_a = y0 + y2 * four_aa, odd_a = (y1 + y3 * four_aa) * four_a;
  const vector even_b = y0 + y2 * four_bb, odd_b = (y1 + y3 * four_bb) * four_b;
  OUT(0) = y0;
  OUT(1) = even_a + odd_a;
  OUT(2) = even_a - odd_a;
  OUT(3) = even_b + odd_b;
  OUT(4) = even_b - odd_b;
  OUT(5) = y3;
}

TRANSFORM(four_weight) {
  const vector g0 = IN(0), g1 = IN(1), g2 = IN(2);
  const vector even_a = (g0 + g2 * four_aa) * four_share_a, odd_a = g1 * (four_share_a * four_a);
  const vector even_b = (g0 + g2 * four_bb) * four_share_b, odd_b = g1 * (four_share_b * four_b);
  OUT(0) = g0 * four_share_0;
  OUT(1) = even_a + odd_a;
  OUT(2) = even_a - odd_a;
  OUT(3) = even_b + odd_b;
  OUT(4) = even_b - odd_b;
  OUT(5) = g2;
}

TRANSFORM(four_weight_gradient) {
  const vector u1 = IN(1), u2 = IN(2), u3 = IN(3), u4 = IN(4);
  const vector sum_a = (u1 + u2) * four_share_a, difference_a = (u1 - u2) * (four_share_a * four_a);
  const vector sum_b = (u3 + u4) * four_share_b, difference_b = (u3 - u4) * (four_share_b * four_b);
  OUT(0) = IN(0) * four_share_0 + sum_a + sum_b;
  OUT(1) = difference_a + difference_b;
  OUT(2) = sum_a * four_aa + sum_b * four_bb + IN(5);
}

/* F(5, 3) at +-3/8, +-7/8, +-7/4 and infinity. What two opposite points have in common is computed once. */

/* A pair of points p and -p: its square, the products of the other two pairs in (t^2 - q^2)(t^2 - r^2), and 1 / (2
   p (p^2 - q^2)(p^2 - r^2)). */
struct pair {
  float point, square, sum, product, share;
};

#define PAIR(p, q, r) \
  {p, (p) * (p), (q) * (q) + (r) * (r), (q) * (q) * (r) * (r), \
   1 / (2 * (p) * ((p) * (p) - (q) * (q)) * ((p) * (p) - (r) * (r)))}

static const struct pair five_pairs[3] = {
  PAIR(0.375f, 0.875f, 1.75f), PAIR(0.875f, 0.375f, 1.75f), PAIR(1.75f, 0.375f, 0.875f)};

TRANSFORM(five_input) {
  const vector d0 = IN(0), d1 = IN(1), d2 = IN(2), d3 = IN(3), d4 = IN(4), d5 = IN(5), d6 = IN(6);
  const struct pair a = five_pairs[0];
  for (int i = 0; i < 3; i++) {
    const struct pair p = five_pairs[i];
    const vector odd = d5 - d3 * p.sum + d1 * p.product, even = (d4 - d2 * p.sum + d0 * p.product) * p.point;
    OUT(2 * i) = odd + even;
    OUT(2 * i + 1) = odd - even;
  }
  OUT(6) = d6 - d4 * (a.square + a.sum) + d2 * (a.square * a.sum + a.product) - d0 * (a.square * a.product);
}

TRANSFORM(five_input_transpose) {
  const struct pair a = five_pairs[0], b = five_pairs[1], c = five_pairs[2];
  const vector a0 = IN(0), a1 = IN(1), b0 = IN(2), b1 = IN(3), c0 = IN(4), c1 = IN(5), last = IN(6);
  const vector odd_a = a0 + a1, odd_b = b0 + b1, odd_c = c0 + c1;
  const vector even_a = (a0 - a1) * a.point, even_b = (b0 - b1) * b.point, even_c = (c0 - c1) * c.point;
  OUT(0) = even_a * a.product + even_b * b.product + even_c * c.product - last * (a.square * a.product);
  OUT(1) = odd_a * a.product + odd_b * b.product + odd_c * c.product;
  OUT(2) = last * (a.square * a.sum + a.product) - even_a * a.sum - even_b * b.sum - even_c * c.sum;
  OUT(3) = -odd_a * a.sum - odd_b * b.sum - odd_c * c.sum;
  OUT(4) = even_a + even_b + even_c - last * (a.square + a.sum);
  OUT(5) = odd_a + odd_b + odd_c;
  OUT(6) = last;
}

TRANSFORM(five_output) {
  const struct pair a = five_pairs[0], b = five_pairs[1], c = five_pairs[2];
  const vector a0 = IN(0), a1 = IN(1), b0 = IN(2), b1 = IN(3), c0 = IN(4), c1 = IN(5);
  const vector sum_a = a0 + a1, sum_b = b0 + b1, sum_c = c0 + c1;
  const vector difference_a = a0 - a1, difference_b = b0 - b1, difference_c = c0 - c1;
  OUT(0) = sum_a + sum_b + sum_c;
  OUT(1) = difference_a * a.point + difference_b * b.point + difference_c * c.point;
  OUT(2) = sum_a * a.square + sum_b * b.square + sum_c * c.square;
  OUT(3) = difference_a * (a.square * a.point) + difference_b * (b.square * b.point) +
           difference_c * (c.square * c.point);
  OUT(4) = sum_a * (a.square * a.square) + sum_b * (b.square * b.square) + sum_c * (c.square * c.square) + IN(6);
}

TRANSFORM(five_upstream) {
  const vector y0 = IN(0), y1 = IN(1), y2 = IN(2), y3 = IN(3), y4 = IN(4);
  for (int i = 0; i < 3; i++) {
    const struct pair p = five_pairs[i];
    const vector even = y0 + (y2 + y4 * p.square) * p.square, odd = (y1 + y3 * p.square) * p.point;
    OUT(2 * i) = even + odd;
    OUT(2 * i + 1) = even - odd;
  }
  OUT(6) = y4;
}

TRANSFORM(five_weight) {
  const vector g0 = IN(0), g1 = IN(1), g2 = IN(2);
  for (int i = 0; i < 3; i++) {
    const struct pair p = five_pairs[i];
    const vector even = (g0 + g2 * p.square) * p.share, odd = g1 * (p.share * p.point);
    OUT(2 * i) = odd + even;
    OUT(2 * i + 1) = odd - even;
  }
  OUT(6) = g2;
}

TRANSFORM(five_weight_gradient) {
  const struct pair a = five_pairs[0], b = five_pairs[1], c = five_pairs[2];
  const vector a0 = IN(0), a1 = IN(1), b0 = IN(2), b1 = IN(3), c0 = IN(4), c1 = IN(5);
  const vector even_a = (a0 - a1) * a.share, even_b = (b0 - b1) * b.share, even_c = (c0 - c1) * c.share;
  OUT(0) = even_a + even_b + even_c;
  OUT(1) = (a0 + a1) * (a.share * a.point) + (b0 + b1) * (b.share * b.point) + (c0 + c1) * (c.share * c.point);
  OUT(2) = even_a * a.square + even_b * b.square + even_c * c.square + IN(6);
}

#define LINES(NAME) \
  for (long i = 0; i < count.outer; i++) { \
    for (long j = 0; j < count.inner; j++) { \
      const float *first = source.base + i * source.outer + j * source.inner; \
      float *result = target.base + i * target.outer + j * target.inner; \
      for (long lane = 0; lane < count.neighbours * 16; lane += LANES) \
        NAME(first + lane, source.element, result + lane, target.element); \
    } \
  } \
  return;

static void transform_lines(
  long m, enum ckernels_transform transform, struct ckernels_lines source, struct ckernels_lines target,
  struct ckernels_line_count count) {
  switch (transform) {
    case ckernels_input: if (m == 4) { LINES(four_input) } else { LINES(five_input) }
    case ckernels_output: if (m == 4) { LINES(four_output) } else { LINES(five_output) }
    case ckernels_upstream: if (m == 4) { LINES(four_upstream) } else { LINES(five_upstream) }
    case ckernels_weight: if (m == 4) { LINES(four_weight) } else { LINES(five_weight) }
    case ckernels_weight_gradient: if (m == 4) { LINES(four_weight_gradient) } else { LINES(five_weight_gradient) }
    case ckernels_input_transpose: if (m == 4) { LINES(four_input_transpose) } else { LINES(five_input_transpose) }
  }
}
