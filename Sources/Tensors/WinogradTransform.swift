import CKernels

/// The one-dimensional transforms of Winograd's minimal filtering F(m, 3), of independent lines in vectors.
///
/// m outputs of a three-tap correlation y[i] = sum of g[j] d[i + j] cost m + 2 products instead of 3 m: y = A'[(G g)(B' d)]. The sum of products for
/// the gradient by g is the transpose: G'[(B' d)(A dy)], and B[(G g)(A dy)] the one by d. The evaluation points (README has their errors) make all constants of A and B exact floats.
enum WinogradTransform: Sendable {
  /// F(4x4, 3x3): 2.25 products an output.
  case four
  /// F(5x5, 3x3): 1.96 products an output and twice the error; for tiles that it fits and the other does not.
  case five

  /// Outputs of a tile along an axis, and its inputs.
  var outputs: Int { self == .four ? 4 : 5 }
  var inputs: Int { outputs + 2 }
  /// Products of a tile: matrices of the transformed domain.
  var points: Int { inputs * inputs }

  /// A loop around a transform: `count` times, further by `from` and `to` floats each time.
  struct Loop {
    let count, from, to: Int
    static let once = Loop(count: 1, from: 0, to: 0)

    fileprivate var code: ckernels_loop { ckernels_loop(count: count, from: from, to: to) }
  }

  /// Which of the transforms: of what is filtered (B'), of the products to outputs (A'), of upstream (A), of the weight (G), of the products to its gradient (G'),
  /// of the products to the gradient of what is filtered (B).
  enum Step: UInt32 { case input, output, upstream, weight, weightGradient, inputTranspose }

  /// `step` along one axis: element k of a line is at `source[k * from]` and becomes `target[k * to]`. The lines are those of `vectors` neighbouring
  /// vectors of sixteen floats, in each turn of the inner loop in each turn of the outer one.
  func apply(
    _ step: Step, _ source: UnsafePointer<Float>, _ from: Int, _ target: UnsafeMutablePointer<Float>, _ to: Int, outer: Loop = .once,
    inner: Loop = .once, vectors: Int, _ instructions: InstructionSet
  ) {
    ckernels_apply(
      instructions.code, outputs, ckernels_transform(rawValue: step.rawValue), source, from, target, to, outer.code, inner.code, vectors)
  }
}
