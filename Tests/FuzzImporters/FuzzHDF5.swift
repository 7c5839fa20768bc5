import Foundation
import Foundations
import TensorStore
import TestSupport

/// `fuzz-importers --hdf5 COUNT [--keep FOLDER] [FILE...]`: damaged HDF5 weights, read as the stages do, in a process of its own that serves many inputs until
/// one ends it.
///
/// An input that ends it is read once more by a new one, which tells whether it does so alone. With `--keep` such inputs are kept. The line on standard
/// output: inputs, refused, ended the reading process, of these alone again, most memory (KiB) of reading processes for sound files and for all.
struct FuzzHDF5 {
  private let seeds: [Seed]
  private let input: String
  private let keep: String?
  private var client: WeightsClient
  private var refused = 0
  private var ended: [String: Int] = [:]
  private var endedAlone = 0

  static func run(_ arguments: [String]) throws {
    var arguments = arguments
    var keep: String?
    if let index = arguments.firstIndex(of: "--keep"), index + 1 < arguments.count {
      keep = arguments[index + 1]
      arguments.removeSubrange(index...index + 1)
    }
    guard let count = arguments.first.flatMap({ Int($0) }), count > 0 else { throw Failure(.usage, "--hdf5 COUNT [--keep FOLDER] [FILE...]") }
    let folder = try TemporaryFolder()
    let seeds = try Seed.hdf5(in: folder) + arguments.dropFirst().map { try Seed(path: $0).sealed }
    var fuzz = try FuzzHDF5(seeds: seeds, input: folder.file("input.h5"), keep: keep, client: WeightsClient())
    try fuzz.readSound()
    let before = readerMemory
    for index in 0..<count { try fuzz.read(index) }
    fuzz.client = try WeightsClient()
    let kinds = fuzz.ended.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    if !kinds.isEmpty { FileHandle.standardError.write(Data((kinds.joined(separator: "\n") + "\n").utf8)) }
    let total = fuzz.ended.values.reduce(0, +)
    print("\(count) inputs, \(fuzz.refused) refused, \(total) ended the reader, \(fuzz.endedAlone) again, \(before) KiB before, \(readerMemory) KiB after")
  }

  /// Every seed must be sound. Their reader ends, so that its memory is known.
  private mutating func readSound() throws {
    for seed in seeds {
      try Data(seed.bytes).write(to: URL(fileURLWithPath: input))
      _ = try client.open(input).load()
    }
    client = try WeightsClient()
  }

  private mutating func read(_ index: Int) throws {
    // Whatever earlier inputs left behind goes now and then.
    if index % 500 == 0 { client = try WeightsClient() }
    let seed = seeds[index % seeds.count]
    var mutations = Mutations(seed.name, index)
    let bytes = seed.damaged(&mutations)
    try Data(bytes).write(to: URL(fileURLWithPath: input))
    guard let failure = try failure() else { return }
    refused += 1
    guard client.status != nil else { return }
    let kind = failure.message
    ended[kind, default: 0] += 1
    if let keep { try Data(bytes).write(to: URL(fileURLWithPath: "\(keep)/\(seed.name)-\(index).h5")) }
    client = try WeightsClient()
    // One that takes too long is known to.
    if kind.contains("processor time") { return }
    _ = try self.failure()
    guard client.status != nil else { return }
    endedAlone += 1
    client = try WeightsClient()
  }

  /// Reads the input; nil where that goes well. Fails where it ends otherwise than with bad data.
  private func failure() throws -> Failure? {
    do {
      _ = try client.open(input).load()
      return nil
    } catch let failure as Failure where failure.kind == .data {
      return failure
    }
  }

  /// The most memory that any reading process that has ended had in use, in KiB.
  private static var readerMemory: Int {
    var usage = rusage()
    getrusage(RUSAGE_CHILDREN.rawValue, &usage)
    return usage.ru_maxrss
  }
}
