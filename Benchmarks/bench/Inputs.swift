import Datasets
import Scenes
import Foundation
import Foundations
import Imaging
import LabelMasks
import NeuralNet
import Tensors

/// Numbers that depend on a name and an index alone, so that a peer in another language makes the same ones
/// (peers/generator.py): the SplitMix64 sequence that starts at the FNV-1a hash of the name.
struct NamedNumbers {
  private var state: UInt64

  init(_ name: String) { state = fnv1a64(name) }

  /// Uniform in [0, 1), a multiple of 2^-24.
  mutating func unit() -> Float {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float((z ^ (z >> 31)) >> 40) / 16_777_216
  }

  /// Uniform in [-1, 1).
  mutating func signed() -> Float { 2 * unit() - 1 }

  /// `factor` t + `offset`, t in [-1, 1).
  static func tensor(_ name: String, _ shape: Shape, factor: Float = 1, offset: Float = 0) -> Tensor {
    var numbers = NamedNumbers(name)
    return Tensor(shape, (0..<shape.count).map { _ in numbers.signed() * factor + offset })
  }
}

extension Module {
  /// Every parameter from its name: convolutions by He's rule (residual branches smaller), scales and variances about
  /// 1, the rest about 0.
  func fillByName() {
    for parameter in parameters {
      let shape = parameter.shape
      switch parameter.role {
      case .weight:
        let gain: Double = parameter.name.contains("conv_branch2b") ? 1 : 6
        let fanIn = Double(shape.count / shape[0])
        parameter.value = NamedNumbers.tensor(parameter.name, shape, factor: Float((gain / fanIn).squareRoot()))
      case .bias, .shift, .runningMean: parameter.value = NamedNumbers.tensor(parameter.name, shape, factor: 0.1)
      case .scale, .runningVariance:
        parameter.value = NamedNumbers.tensor(parameter.name, shape, factor: 0.25, offset: 1)
      }
    }
  }
}

/// The files that a case and its peer both read.
struct InputFolder {
  static let classes = 21
  let path: String

  func masksPath(side: Int) -> String { "\(path)/masks-\(side).u8" }
  func thumbnailsPath(side: Int) -> String { "\(path)/thumbnails-\(side).u8" }
  func imagePath(_ width: Int, _ height: Int) -> String { "\(path)/image-\(width)x\(height).png" }
  func scoresPath(_ width: Int, _ height: Int, _ labels: Int) -> String {
    "\(path)/scores-\(width)x\(height)-\(labels).f32"
  }
  func maskPath(_ kind: String, _ index: Int) -> String {
    "\(path)/\(kind)/\(String(repeating: "0", count: 4 - "\(index)".count))\(index).png"
  }

  /// Masks and thumbnails at a quarter of `side` for training steps.
  func writeTraining(side: Int, batch: Int) throws {
    let out = side / 4
    let masks = (0..<batch).map { Self.mask("mask \(side) \($0)", width: out, height: out, border: false) }
    try Data(masks.flatMap(\.labels)).write(to: URL(fileURLWithPath: masksPath(side: side)))
    let scenes = SyntheticScenes(width: out, height: out)
    let thumbnails = (0..<batch).map { scenes.scene(.init("bench", batch), index: $0).image }
    try Data(thumbnails.flatMap(\.pixels)).write(to: URL(fileURLWithPath: thumbnailsPath(side: side)))
  }

  /// A scene, and scores in 25 x 25 squares over it.
  func writeField(_ width: Int, _ height: Int, labels: Int) throws {
    try SyntheticScenes(width: width, height: height).scene(.init("bench", 1), index: 0).image.writePNG(
      to: imagePath(width, height))
    let columns = (width + 24) / 25
    let cells = columns * ((height + 24) / 25)
    var numbers = NamedNumbers("scores \(labels)")
    let strengths = (0..<labels * cells).map { _ in exp(3 * numbers.signed()) }
    var scores = [Float](repeating: 0, count: labels * width * height)
    for y in 0..<height {
      for x in 0..<width {
        let cell = y / 25 * columns + x / 25
        let sum = (0..<labels).reduce(Float(0)) { $0 + strengths[$1 * cells + cell] }
        for label in 0..<labels { scores[(label * height + y) * width + x] = strengths[label * cells + cell] / sum }
      }
    }
    try scores.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: scoresPath(width, height, labels))) }
  }

  /// Truth and prediction masks of 500 x 375 as palette PNG.
  func writeMasks(count: Int) throws {
    for index in 0..<count {
      try Self.mask("truth \(index)", width: 500, height: 375, border: true).write(
        to: maskPath("truth", index), palette: .voc)
      try Self.mask("prediction \(index)", width: 500, height: 375, border: false).write(
        to: maskPath("prediction", index), palette: .voc)
    }
  }

  /// Two classes as up to four ellipses on background, with a void rim of three pixels where asked for.
  private static func mask(_ name: String, width: Int, height: Int, border: Bool) -> LabelMask {
    var numbers = NamedNumbers(name)
    var mask = LabelMask(width: width, height: height)
    let classes = (0..<2).map { _ in UInt8(1 + min(19, Int(20 * numbers.unit()))) }
    for k in 0..<2 + Int(2.99 * numbers.unit()) {
      let (cx, cy) = (Float(width) * numbers.unit(), Float(height) * numbers.unit())
      let (rx, ry) = (Float(width) * (0.1 + 0.25 * numbers.unit()), Float(height) * (0.1 + 0.25 * numbers.unit()))
      for y in max(0, Int(cy - ry) - 3)..<max(0, min(height, Int(cy + ry) + 4)) {
        for x in max(0, Int(cx - rx) - 3)..<max(0, min(width, Int(cx + rx) + 4)) {
          let (dx, dy) = (Float(x) - cx, Float(y) - cy)
          if dx * dx / (rx * rx) + dy * dy / (ry * ry) < 1 {
            mask.labels[y * width + x] = classes[k % 2]
          } else if border, dx * dx / ((rx + 3) * (rx + 3)) + dy * dy / ((ry + 3) * (ry + 3)) < 1 {
            mask.labels[y * width + x] = LabelMask.void
          }
        }
      }
    }
    return mask
  }

  func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

  func floats(_ path: String, _ shape: Shape) throws -> Tensor {
    let bytes = try self.bytes(path)
    return Tensor(
      shape,
      bytes.withUnsafeBytes { raw in (0..<shape.count).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      })
  }
}
