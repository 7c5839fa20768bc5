import Foundation
import Foundations
import TensorStore

/// Damaged files read by a process of its own.
///
/// An input that ends that process is read once more by a new one, which tells whether it does so alone; with
/// `--keep` such inputs are kept.
struct IsolatedReading {
  private let seeds: [Seed]
  private let input: String
  private let keep: String?
  private let read: (String) throws -> Void
  private var ended = 0
  private var endedAgain = 0
  private var memoryBefore = 0

  /// Every seed must be sound. Their reader ends, so that its memory is known.
  init(_ seeds: [Seed], _ setting: FuzzSetting, _ read: @escaping (String) throws -> Void) throws {
    (self.seeds, self.read, keep) = (seeds, read, setting.keep)
    input = setting.folder.file("input.h5")
    for seed in seeds {
      try Data(seed.bytes).write(to: URL(fileURLWithPath: input))
      try read(input)
    }
    IsolatedHDF5.restart()
    memoryBefore = Self.readerMemory
  }

  mutating func run(_ index: Int) throws {
    // Whatever earlier inputs left behind goes now and then.
    if index % 500 == 0 { IsolatedHDF5.restart() }
    let (seed, bytes) = seeds.input(index)
    try Data(bytes).write(to: URL(fileURLWithPath: input))
    do {
      try read(input)
    } catch {
      if IsolatedHDF5.hasEnded { try again("\(error)", "\(seed.name)-\(index).h5", bytes) }
      throw error
    }
  }

  /// Reads an input that ended the reading process once more by a new one.
  private mutating func again(_ message: String, _ name: String, _ bytes: [UInt8]) throws {
    ended += 1
    if let keep { try Data(bytes).write(to: URL(fileURLWithPath: "\(keep)/\(name)")) }
    IsolatedHDF5.restart()
    // One that takes too long is known to.
    if message.contains("processor time") { return }
    do { try read(input) } catch is Failure {}
    guard IsolatedHDF5.hasEnded else { return }
    endedAgain += 1
    IsolatedHDF5.restart()
  }

  mutating func finish() { IsolatedHDF5.restart() }

  var remark: String {
    ", \(ended) ended the reader, \(endedAgain) again, reader \(memoryBefore) KiB before, \(Self.readerMemory) KiB "
      + "after"
  }

  /// The most memory that any reading process that has ended had in use, in KiB.
  private static var readerMemory: Int {
    var usage = rusage()
    getrusage(RUSAGE_CHILDREN.rawValue, &usage)
    return usage.ru_maxrss
  }
}
