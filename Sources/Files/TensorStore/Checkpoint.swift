import Foundations
import Tensors

/// The state of a training run between two steps: weights at the root (so that a checkpoint is a weights file too),
/// the optimizer's velocities in the group `velocity`, and `step`, `epoch` and further values as attributes of the
/// group `training`, among them `checksum`, over all of these: a training never goes on with numbers that a disk has
/// changed.
public struct Checkpoint: Sendable {
  public var weights: NamedTensors
  /// Momentum buffers by parameter name; parameters without one are absent.
  public var velocities: NamedTensors
  /// Steps done.
  public var step: Int
  /// Epochs done.
  public var epoch: Int
  /// Anything else that an unbroken run would know: sums of losses, the seed, a digest of the parameters. `step`,
  /// `epoch` and `checksum` are reserved.
  public var values: [String: AttributeValue]

  public init(
    weights: NamedTensors, velocities: NamedTensors = NamedTensors(), step: Int, epoch: Int,
    values: [String: AttributeValue] = [:]
  ) {
    self.weights = weights
    self.velocities = velocities
    self.step = step
    self.epoch = epoch
    self.values = values
  }

  /// Writes the checkpoint atomically, everything in single precision: a run that resumes from it continues with the
  /// same bits.
  public func save(to path: String, provenance: Provenance = .none) throws {
    try HDF5Writer.write(to: path, provenance: provenance) { file in
      try WeightsFile.write(WeightsSource(weights), to: file, reserved: Set(provenance.pairs.map(\.0)))
      try file.createGroup("training")
      try file.setAttribute("step", AttributeValue(step), of: "training")
      try file.setAttribute("epoch", AttributeValue(epoch), of: "training")
      try file.setAttribute("checksum", .integer(checksum), of: "training")
      for (name, value) in values.sorted(by: { $0.key < $1.key }) where !Self.reserved.contains(name) {
        try file.setAttribute(name, value, of: "training")
      }
      try file.createGroup("velocity")
      for (name, tensor) in velocities.entries { try file.write(tensor, "velocity/\(name)") }
    }
  }

  private static let reserved: Set<String> = ["step", "epoch", "checksum"]

  /// Reads a checkpoint. Fails where the file is a plain weights file, or where what it holds does not have its
  /// checksum.
  public static func load(_ path: String) throws -> Checkpoint {
    let file = try UntrustedHDF5(path)
    let weights = try WeightsFile.source(of: file).load()
    guard try Set(["training", "velocity"]).isSubset(of: file.names()) else {
      throw Failure(.data, "is not a checkpoint: the groups `training` and `velocity` are missing", file: path)
    }
    let momentum = try WeightsFile.items(of: file.group("velocity"), in: "velocity/", file)
    let velocities = try WeightsSource(momentum, format: .hdf5, path: path).load()
    let values = try file.attributes(of: "training")
    func count(_ name: String) throws -> Int {
      guard let value = values[name]?.asInteger, value >= 0 else {
        throw Failure(
          .data, expected: "a count in the attribute `\(name)`", found: values[name].map { "\($0)" } ?? "none",
          file: path, item: "training")
      }
      return value
    }
    let checkpoint = try Checkpoint(
      weights: weights, velocities: velocities, step: count("step"), epoch: count("epoch"),
      values: values.filter { !reserved.contains($0.key) })
    guard values["checksum"] == .integer(checkpoint.checksum) else {
      throw Failure(.data, "damaged: the numbers in it do not have the checksum that was stored with them", file: path)
    }
    return checkpoint
  }

  /// Over names, shapes and bits of all tensors, the counts and the values. Not for secrets: it finds damage, not
  /// intent.
  private var checksum: Int64 {
    let values = self.values.filter { !Self.reserved.contains($0.key) }.sorted { $0.key < $1.key }.map {
      "\($0.key)=\($0.value)"
    }
    var hash = fnv1a64(([String(step), String(epoch)] + values).joined(separator: "\n"))
    for (name, tensor) in weights.entries + velocities.entries {
      hash = hash &* 0x9E37_79B9_7F4A_7C15 ^ fnv1a64("\(name) \(tensor.shape)")
      hash = tensor.withUnsafeBufferPointer { Self.mixed(UnsafeRawBufferPointer($0), into: hash) }
    }
    return Int64(bitPattern: hash)
  }

  /// Four lanes side by side, so that it takes no longer than reading the memory does. A lane is a bijection of what
  /// is mixed in: one changed word always shows.
  private static func mixed(_ bytes: UnsafeRawBufferPointer, into hash: UInt64) -> UInt64 {
    var lanes = SIMD4<UInt64>(hash, hash ^ 1, hash ^ 2, hash ^ 3)
    let prime: UInt64 = 0x100_0000_01B3
    var position = 0
    while bytes.count - position >= 32 {
      let words = bytes.loadUnaligned(fromByteOffset: position, as: SIMD4<UInt64>.self)
      for lane in 0..<4 { lanes[lane] = (lanes[lane] ^ words[lane]) &* prime }
      position += 32
    }
    for byte in bytes[position...] { lanes[0] = (lanes[0] ^ UInt64(byte)) &* prime }
    return (0..<4).reduce(hash) { ($0 ^ lanes[$1]) &* 0x9E37_79B9_7F4A_7C15 }
  }
}
