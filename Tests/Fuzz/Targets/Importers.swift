import Foundations
import TensorStore
import TestSupport

/// Damaged weights files of the formats that are read in this process: PyTorch, safetensors and MXNet.
struct ImporterTarget: FuzzTarget {
  static let name = "importers"
  static let about = "weights of PyTorch, safetensors and MXNet"
  private let seeds: [Seed]

  init(_ setting: FuzzSetting) throws {
    seeds = try Self.builtIn + setting.seeds
    // Some of the files are of kinds that are refused.
    for seed in seeds { _ = try? Self.read(seed.bytes) }
  }

  func run(_ index: Int) throws { try Self.read(seeds.input(index).bytes) }

  /// As `import-weights` tells formats.
  private static func read(_ bytes: [UInt8]) throws {
    let weights = try WeightsSource(bytes: bytes, name: "w").load()
    let elements = weights.entries.reduce(0) { $0 + $1.tensor.count }
    // Twice the file's bytes and a MiB, each a float32 at most.
    guard elements <= 2 * bytes.count + 1 << 20 else {
      throw Failure(.software, "\(elements) elements of a file of \(bytes.count) bytes")
    }
  }

  private static var builtIn: [Seed] {
    let small = CheckpointBytes.small
    let entries = small.entries
    return [
      Seed(name: "zip", bytes: small.zip), Seed(name: "zip64", bytes: CheckpointBytes.zip(entries, wide: true)),
      Seed(name: "zip without checksums", bytes: CheckpointBytes.zip(entries, checksum: 0)),
      Seed(name: "pickle in zip", bytes: small.zip) { mutations in
        CheckpointBytes.zip([(entries[0].name, mutations.mutated(entries[0].bytes))] + entries.dropFirst())
      },
      Seed(name: "legacy", bytes: small.legacy), Seed(name: "safetensors", bytes: ForeignBytes.smallSafetensors),
      Seed(name: "mxnet", bytes: ForeignBytes.smallMXNet),
    ]
  }
}
