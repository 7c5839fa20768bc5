import Foundation
import Foundations
import TestSupport

/// A part of the project that reads what others may have damaged or made with ill intent.
///
///     struct TableTarget: FuzzTarget {
///       static let name = "tables"
///       static let about = "tables of items"
///       private let seeds: [Seed]
///       init(_ setting: FuzzSetting) throws { seeds = try [Seed(name: "table", bytes: ...)] + setting.seeds }
///       func run(_ index: Int) throws { try Table(bytes: seeds.input(index)) }
///     }
protocol FuzzTarget {
  /// What the target is called on the command line.
  static var name: String { get }
  /// One line about its inputs.
  static var about: String { get }
  /// The kinds of `Failure` that refuse an input; any other is found as a fault.
  static var refusals: Set<Failure.Kind> { get }
  /// Makes the sound inputs, and fails where one of them is not read.
  init(_ setting: FuzzSetting) throws
  /// Makes input number `index`, the same whatever came before, and has it read. Throws a `Failure` where the input
  /// is refused.
  mutating func run(_ index: Int) throws
  /// Called once after the last input.
  mutating func finish() throws
  /// What is to be told beside the numbers that all targets tell; begins with `, `.
  var remark: String { get }
}

extension FuzzTarget {
  static var refusals: Set<Failure.Kind> { [.data] }
  mutating func finish() throws {}
  var remark: String { "" }
}

/// What the command line says to a target.
struct FuzzSetting {
  /// Further sound files.
  let files: [String]
  /// An empty folder for files, removed at the end.
  let folder: TemporaryFolder
  /// Where inputs are kept that end a reading process; nil for nowhere.
  let keep: String?

  /// The further sound files as seeds.
  var seeds: [Seed] { get throws { try files.map { try Seed(path: $0) } } }
}

/// A sound file that damaged ones are made of.
struct Seed {
  let name: String
  let bytes: [UInt8]
  /// Changes the bytes, or a part before checksums are made of it.
  var damage: ((inout Mutations) -> [UInt8])?

  init(name: String, bytes: [UInt8], damage: ((inout Mutations) -> [UInt8])? = nil) {
    (self.name, self.bytes, self.damage) = (name, bytes, damage)
  }

  init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "cannot be read", file: path)
    }
    self.init(name: ((path as NSString).lastPathComponent as NSString).deletingPathExtension, bytes: [UInt8](data))
  }

  /// Writes an input without waiting for the disk: there are a hundred thousand of them.
  static func write(_ bytes: [UInt8], to path: String) throws {
    guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
      throw Failure(.io, "cannot write", file: path)
    }
  }

  func damaged(_ mutations: inout Mutations) -> [UInt8] { damage?(&mutations) ?? mutations.mutated(bytes) }
}

extension [Seed] {
  /// Input number `index`: the seeds in turn, damaged as name and number say.
  func input(_ index: Int) -> (seed: Seed, bytes: [UInt8]) {
    let seed = self[index % count]
    var mutations = Mutations(seed.name, index)
    return (seed, seed.damaged(&mutations))
  }
}
