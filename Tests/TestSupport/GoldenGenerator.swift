import Foundations
import Tensors

/// The deterministic values that the reference networks were filled with, by (seed, tensor name). Documented in the
/// golden folder's README, section 2.
public struct GoldenGenerator: Sendable {
  public let seed: UInt64

  public init(seed: UInt64) { self.seed = seed }

  /// `count` values u, uniform in [0, 1), for the tensor `name`.
  public func unit(_ name: String, count: Int) -> [Float] {
    var generator = SeededWords(state: fnv1a64(name) ^ seed)
    return (0..<count).map { _ in Float(generator.next() >> 40) / 16_777_216 }
  }

  /// t = 2u - 1 in [-1, 1), times `factor`: the inputs `input/...`.
  public func signed(_ name: String, _ shape: Shape, factor: Float = 1) -> Tensor {
    Tensor(shape, unit(name, count: shape.count).map { (2 * $0 - 1) * factor })
  }

  /// floor(u * limit): integer inputs.
  public func integers(_ name: String, count: Int, below limit: Int) -> [Int] {
    unit(name, count: count).map { Int(($0 * Float(limit)).rounded(.down)) }
  }

  /// The value of a network's tensor, by the rules on its PyTorch `name` (without `module.`).
  public func parameter(_ name: String, _ shape: Shape) -> Tensor {
    let components = name.split(separator: ".")
    let module = components.count > 1 ? components[components.count - 2] : ""
    let values = unit(name, count: shape.count)
    switch components.last {
    case "weight" where shape.rank == 4:
      let fanIn = shape[1] * shape[2] * shape[3]
      let scale = Float((Self.gain(name) / Double(fanIn)).squareRoot())
      return Tensor(shape, values.map { (2 * $0 - 1) * scale })
    case "weight", "running_var": return Tensor(shape, values.map { 0.5 * $0 + 0.75 })
    case "bias": return Tensor(shape, values.map { (2 * $0 - 1) * (module.contains("bn") ? 0.2 : 0.1) })
    case "running_mean": return Tensor(shape, values.map { (2 * $0 - 1) * 0.2 })
    case "num_batches_tracked": return Tensor(zeros: shape)
    default: preconditionFailure("no rule for the tensor \(name)")
    }
  }

  private static func gain(_ name: String) -> Double {
    if name.contains("conv_branch2b") { return 1 }
    if name.hasSuffix("f9.weight") { return 2 }
    if name.contains("conv1c") { return 600 }
    if name.contains("seg2") { return 24 }
    return 6
  }

  private struct SeededWords {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }
}
