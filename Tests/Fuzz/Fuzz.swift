import ArgumentParser
import Foundation
import Foundations
import TensorStore
import TestSupport

/// `fuzz TARGET COUNT [--from INDEX] [--keep FOLDER] [FILE...]` gives COUNT damaged inputs to one part of the
/// project: `fuzz importers 1000`.
///
/// It is a program of its own, so that a crash ends it and not the tests. Each input must be taken or be refused with
/// a `Failure` of the target's kinds; anything else, and whatever the `Watchdog` finds, ends the program with status
/// 1 after one line that names the target and the input's number: `fuzz TARGET 1 --from NUMBER` makes that input
/// again alone. A further target is a type that conforms to `FuzzTarget` and stands in `all`.
@main struct Fuzz: ParsableCommand {
  static var all: [any FuzzTarget.Type] {
    [
      ImporterTarget.self, HDF5WeightsTarget.self, MapsTarget.self, CheckpointTarget.self, ImageTarget.self,
      KernelTarget.self, EvaluationTarget.self, ManifestTarget.self, PipelineTarget.self, CommandLineTarget.self,
      RecordTarget.self, ForeignTarget.self,
    ]
  }

  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Give damaged inputs to one part of the project.",
    discussion: "Targets:\n" + all.map { "  \($0.name): \($0.about)" }.joined(separator: "\n"))

  @Argument(help: "What reads the inputs.") var target: String
  @Argument(help: "How many inputs.") var count: Int
  @Option(help: "Number of the first input.") var from = 0
  @Option(help: ArgumentHelp("Where inputs are kept that end a reading process.", valueName: "FOLDER")) var keep:
    String?
  @Argument(help: "Further sound files to be damaged.") var files: [String] = []

  static func main() {
    IsolatedHDF5.prepare()
    self.main(nil)
  }

  func validate() throws {
    guard count > 0, from >= 0 else { throw ValidationError("COUNT must be at least 1, --from at least 0.") }
    guard Self.all.contains(where: { $0.name == target }) else {
      throw ValidationError("expected \(Self.all.map { $0.name }.joined(separator: ", ")), found `\(target)`.")
    }
  }

  func run() throws {
    guard let type = Self.all.first(where: { $0.name == target }) else { return }
    do {
      try Self.run(type, FuzzSetting(files: files, folder: try TemporaryFolder(), keep: keep), from..<from + count)
    } catch {
      Self.end("fuzz \(target): \(error)")
    }
  }

  private static func run(_ type: any FuzzTarget.Type, _ setting: FuzzSetting, _ indices: Range<Int>) throws {
    var target = try type.init(setting)
    let watchdog = Watchdog(target: type.name)
    let before = Watchdog.peakMemory
    var refused = 0
    var slowest = (seconds: 0.0, index: 0)
    for index in indices {
      do {
        let seconds = try watchdog.watch(index) {
          do { try target.run(index) } catch let failure as Failure where type.refusals.contains(failure.kind) {
            refused += 1
          }
        }
        if seconds > slowest.seconds { slowest = (seconds, index) }
      } catch {
        end("fuzz \(type.name): input \(index): \(error)")
      }
    }
    try target.finish()
    let time = String(format: "%.0f", slowest.seconds * 1000)
    print(
      "\(indices.count) inputs, \(refused) refused, \(before) KiB before, \(Watchdog.peakMemory) KiB after, slowest "
        + "\(time) ms (input \(slowest.index))"
        + target.remark)
  }

  private static func end(_ message: String) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    Foundation.exit(1)
  }
}
