import Foundation
import Synchronization
import TestSupport
import Testing

/// A folder with tiny scenes and the outputs of every stage on them, each made when it is first asked for. All programs
/// run in it, so paths in their messages are short.
final class Workshop: Sendable {
  let folder: TemporaryFolder
  private let made = Mutex<Set<String>>([])

  init() throws { folder = try TemporaryFolder() }

  @TaskLocal private static var current: Workshop?

  /// The workshop of the running suite.
  static var shared: Workshop { get throws { try #require(current, "the suite lacks the trait .workshop") } }

  /// Gives a suite one workshop for all its tests.
  struct Trait: SuiteTrait, TestTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void)
      async throws
    {
      try await Workshop.$current.withValue(try Workshop()) { try await function() }
    }
  }

  // MARK: Steps

  /// Reading the scenes, one thread, no progress.
  static let data = ["--manifest", "scenes/manifest.yaml", "--quiet", "--threads", "1"]
  /// Six images, three at a time: two updates an epoch.
  static let training = ["--epochs", "1", "--batch", "3", "--crop", "48", "--resize-min", "48", "--resize-max", "64"]
  static let trunk = ["--backbone", "resnet38", "--width", "0.0625", "--depth", "0.1"]
  static let head = ["--head-dilation", "2"]
  static let oneScale = ["--scales", "1", "--no-flip"]

  /// What makes each output: a program, its options beside `data`, and the outputs it reads.
  private static let recipes: [String: (program: String, options: [String], needs: [String])] = [
    "cam-train": ("train-cam", training + trunk, ["scenes"]),
    "cam": ("cam-infer", ["--weights", "cam-train/weights.h5"] + oneScale, ["cam-train"]),
    "crf-low": ("crf", ["--scores", "cam", "--background-power", "4"], ["cam"]),
    "crf-high": ("crf", ["--scores", "cam", "--background-power", "32"], ["cam"]),
    "affinity": (
      "train-affinity", training + ["--weights", "cam-train/weights.h5", "--low", "crf-low", "--high", "crf-high"],
      ["crf-low", "crf-high"]
    ),
    "psa": ("psa-infer", ["--affinity", "affinity/weights.h5", "--scores", "cam"], ["affinity"]),
    "psa-crf": ("crf", ["--scores", "psa"], ["psa"]),
    "ddnet": (
      "train-ddnet",
      training + head + ["--weights", "cam-train/weights.h5", "--knowledge", "psa", "--advice", "psa-crf"], ["psa-crf"]
    ),
    "ssdd": ("ssdd-merge", ["--weights", "ddnet/weights.h5", "--knowledge", "psa", "--advice", "psa-crf"], ["ddnet"]),
    "seg": ("train-seg", training + head + ["--weights", "cam-train/weights.h5", "--seeds", "ssdd"], ["ssdd"]),
    "dynamic": (
      "train-seg-dynamic",
      training + head + ["--weights", "cam-train/weights.h5", "--seeds", "ssdd", "--warm-up", "seg/weights.h5"], ["seg"]
    ),
    "infer": ("infer-seg", ["--weights", "dynamic/weights.h5", "--crf"] + oneScale, ["dynamic"]),
    "evaluation": ("evaluate", ["--masks", "infer"], ["infer"]),
  ]

  /// Makes sure that an output is there and returns its folder's name.
  @discardableResult
  func output(_ name: String) throws -> String {
    if made.withLock({ $0.contains(name) }) { return name }
    let outcome: Programs.Outcome
    if name == "scenes" {
      outcome = try run(
        "make-scenes",
        ["--train", "6", "--val", "3", "--width", "64", "--height", "48", "--seed", "3", "--quiet", "--out", name])
    } else {
      outcome = try run(try command(name, out: name))
    }
    try #require(outcome == Programs.Outcome(status: 0, output: ""), "making \(name)")
    made.withLock { _ = $0.insert(name) }
    return name
  }

  /// The program and options that make an output, with everything that it reads made.
  func command(_ name: String, out: String, _ extra: [String] = []) throws -> [String] {
    let recipe = try #require(Self.recipes[name])
    for need in recipe.needs { try output(need) }
    return [recipe.program] + Self.data + recipe.options + ["--out", out] + extra
  }

  func run(_ program: String, _ arguments: [String]) throws -> Programs.Outcome {
    try Programs.run(program, arguments, in: folder.path)
  }
  func run(_ command: [String]) throws -> Programs.Outcome { try run(command[0], Array(command.dropFirst())) }

  // MARK: Files

  func path(_ name: String) -> String { folder.file(name) }
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
  func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }
  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  /// Replaces text in a file, which must occur.
  func edit(_ name: String, _ old: String, _ new: String) throws {
    let text = try text(name)
    try #require(text.contains(old), "\(name) lacks \(old)")
    try write(text.replacingOccurrences(of: old, with: new), to: name)
  }

  /// A copy of the scenes whose manifest says nothing about digests, so that a test may change files and rows.
  func scenes(named name: String) throws -> String {
    let copy = try copy("scenes", to: name)
    let lines = try text("\(copy)/manifest.yaml").split(separator: "\n").filter { !$0.hasPrefix("items_sha256") }
    try write(lines.joined(separator: "\n") + "\n", to: "\(copy)/manifest.yaml")
    return copy
  }

  /// Changes one cell of the row of `train-0001`, line 3 of a table of items; returns what it held.
  @discardableResult
  func changeCell(_ column: String, of scenes: String, to value: String) throws -> String {
    var rows = try text("\(scenes)/items.tsv").components(separatedBy: "\n").map { $0.components(separatedBy: "\t") }
    let index = try #require(rows[0].firstIndex(of: column))
    try #require(rows[2][0] == "train-0001")
    let old = rows[2][index]
    rows[2][index] = value
    try write(rows.map { $0.joined(separator: "\t") }.joined(separator: "\n"), to: "\(scenes)/items.tsv")
    return old
  }

  /// Leaves the first part of a file.
  func cutShort(_ name: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: path(name)))
    try data.prefix(data.count * 2 / 3).write(to: URL(fileURLWithPath: path(name)))
  }

  /// A copy of an output for a test to spoil or to write into.
  func copy(_ output: String, to name: String) throws -> String {
    try FileManager.default.copyItem(atPath: path(try self.output(output)), toPath: path(name))
    return name
  }

  /// Names and contents of all files below a folder, hidden ones too; empty where there is no such folder.
  func contents(of name: String) throws -> [String: Data] {
    guard exists(name) else { return [:] }
    var result: [String: Data] = [:]
    for file in try FileManager.default.subpathsOfDirectory(atPath: path(name)) {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path("\(name)/\(file)"), isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      result[file] = try Data(contentsOf: URL(fileURLWithPath: path("\(name)/\(file)")))
    }
    return result
  }

  /// Runs a command that must fail with `status` and `message`, the whole of what it says, over earlier outputs of the
  /// step `name`, which must stay as they are.
  func expectFailure(
    _ name: String, _ extra: [String], status: Int32, _ message: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let out = try copy(name, to: "earlier-\(UUID().uuidString)")
    func finished() throws -> [String: Data] { try contents(of: out).filter { !$0.key.hasPrefix("unfinished") } }
    let before = try finished()
    let outcome = try run(try command(name, out: out, extra))
    #expect(outcome.status == status, sourceLocation: sourceLocation)
    #expect(outcome.output == "\(message)\n", sourceLocation: sourceLocation)
    #expect(try finished() == before, "earlier outputs changed", sourceLocation: sourceLocation)
  }
}

extension Trait where Self == Workshop.Trait {
  /// One folder of tiny scenes and outputs for all tests of the suite.
  static var workshop: Self { Self() }
}
