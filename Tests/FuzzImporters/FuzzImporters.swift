import Foundation
import Foundations
import TensorStore
import TestSupport

/// Reads damaged weights files: `fuzz-importers COUNT [FILE...]`. A program of its own, so that a crash ends it and not the tests, a hang is ended by an
/// alarm, and its memory is what the importers take.
///
/// COUNT inputs are made of sound files by `Mutations`, each either read as tensors or refused with a `Failure(.data)`; anything else ends the program with
/// status 1. A line on standard output tells how many were read and refused, and the most memory that was in use before and after, in KiB.
@main enum FuzzImporters {
  static func main() {
    WeightsReader.prepare()
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      if arguments.first == "--hdf5" { try FuzzHDF5.run(Array(arguments.dropFirst())) } else { try run(arguments) }
    } catch {
      end("\(error)", status: (error as? Failure)?.kind.rawValue ?? 1)
    }
  }

  private static func run(_ arguments: [String]) throws {
    guard let count = arguments.first.flatMap({ Int($0) }), count > 0 else { throw Failure(.usage, "usage: fuzz-importers [--hdf5] COUNT [FILE...]") }
    let seeds = try builtIn + arguments.dropFirst().map { try Seed(path: $0) }
    for seed in seeds { _ = try? read(seed.bytes) }
    let before = peakMemory
    var refused = 0
    for index in 0..<count {
      // The default action of the alarm is to end the program.
      if index % 100 == 0 { alarm(20) }
      let seed = seeds[index % seeds.count]
      var mutations = Mutations(seed.name, index)
      let bytes = seed.damaged(&mutations)
      do {
        try read(bytes)
      } catch {
        refused += 1
        guard (error as? Failure)?.kind == .data else { end("input \(index), of \(seed.name): \(error)", status: 1) }
      }
    }
    print("\(count) inputs, \(refused) refused, \(before) KiB before, \(peakMemory) KiB after")
  }

  /// As `import-weights` tells formats.
  private static func read(_ bytes: [UInt8]) throws {
    let weights = try WeightsSource(bytes: bytes, name: "w").load()
    let elements = weights.entries.reduce(0) { $0 + $1.tensor.count }
    // Twice the file's bytes and a MiB, each a float32 at most.
    guard elements <= 2 * bytes.count + 1 << 20 else { end("\(elements) elements of a file of \(bytes.count) bytes", status: 1) }
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

  /// The most memory that this process had in use, in KiB.
  private static var peakMemory: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
  }

  private static func end(_ message: String, status: Int32) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    exit(status)
  }
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
    guard let data = FileManager.default.contents(atPath: path) else { throw Failure(.noInput, "cannot be read", file: path) }
    self.init(name: ((path as NSString).lastPathComponent as NSString).deletingPathExtension, bytes: [UInt8](data))
  }

  func damaged(_ mutations: inout Mutations) -> [UInt8] { damage?(&mutations) ?? mutations.mutated(bytes) }
}
