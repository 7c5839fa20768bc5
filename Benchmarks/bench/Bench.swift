import ArgumentParser
import Foundation
import Foundations

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Compare with a naive twin, then time: networks, training steps, CRF, random walk, evaluation.",
    discussion:
      "Every case runs in a process of its own, so that peak memory is the case's. Cases: "
      + "\(Case.table.map(\.name).joined(separator: ", ")).",
    subcommands: [Run.self, Show.self, Roofline.self, Products.self, Paper.self, Document.self, Serve.self],
    defaultSubcommand: Run.self)
}

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Run the cases and print their table.")

  @Option(help: "Only these cases, by name.") var only: [String] = []
  @Option(
    name: .customLong("repeat"),
    help: "Timed runs of each case, after one to warm up; short cases up to five times as many.") var repeats = 5
  @Option(help: "Threads; default: every core.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: ArgumentHelp("Store the report here.", valueName: "FILE")) var json: String?
  @Flag(help: "The cases that show how cost grows with area, classes and images.") var growth = false
  @Option(help: ArgumentHelp("Take turns with the peers of this Python.", valueName: "PYTHON")) var peer: String?
  @Option(help: ArgumentHelp("Folder of peer.py.", valueName: "DIR")) var peers = "Benchmarks/peers"
  @Option(
    name: .customLong("against-threads"), help: ArgumentHelp("Take turns with ourselves on N threads.", valueName: "N"))
  var otherThreads: Int?

  func validate() throws {
    guard repeats > 0, threads > 0, (otherThreads ?? 1) > 0 else {
      throw ValidationError("--repeat and threads must be positive")
    }
    guard peer == nil || otherThreads == nil else { throw ValidationError("--peer or --against-threads, not both") }
  }

  func run() throws {
    do { try execute() } catch let failure as Failure {
      FileHandle.standardError.write(Data("bench: \(failure)\n".utf8))
      throw ExitCode.failure
    }
  }

  private func execute() throws {
    let cases = try only.isEmpty ? (growth ? Case.growth : Case.table) : only.map(Case.named)
    let folder = InputFolder(
      path: FileManager.default.temporaryDirectory.appendingPathComponent("ssdd-bench-\(UUID().uuidString)").path)
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    note("measuring the machine")
    let machine = Machine(threads: threads)
    var version = otherThreads.map { "ourselves on \($0) threads" } ?? ""
    var results: [Comparison] = []
    for (index, item) in cases.enumerated() {
      note("[\(index + 1)/\(cases.count)] \(item.title)")
      let (comparison, found) = try compare(item, folder)
      if let found, peer != nil { version = found }
      results.append(comparison)
      let ratio = comparison.ratio.map { ", ratio \(BenchReport.number($0, 2))" } ?? ""
      note("      \(BenchReport.time(comparison.ours.median))\(ratio)")
      try store(report(machine, version, results))
    }
    print(report(machine, version, results).text())
  }

  private func report(_ machine: Machine, _ version: String, _ cases: [Comparison]) -> BenchReport {
    let arguments = CommandLine.arguments.dropFirst().joined(separator: " ")
    return BenchReport(
      command: arguments.isEmpty ? "bench" : "bench \(arguments)", machine: machine, otherVersion: version,
      repeats: repeats, cases: cases)
  }

  private func store(_ report: BenchReport) throws {
    guard let json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(String(decoding: try encoder.encode(report), as: UTF8.self) + "\n", to: json)
  }

  /// Both sides in turn, ours first.
  private func compare(_ item: Case, _ folder: InputFolder) throws -> (Comparison, version: String?) {
    try item.writeInputs(folder)
    // The check runs in a process of its own too, so that its memory does not count.
    let checker = try own(item, folder, threads, ["--check"])
    let checked = try checker.answer().note ?? ""
    _ = try checker.end()
    let ours = try own(item, folder, threads, [])
    defer { ours.stop() }
    let ready = try ours.answer()
    let other = try otherSide(item, folder)
    defer { other?.stop() }
    let otherReady = try other?.answer()
    var (times, otherTimes): ([(passed: Double, processor: Double)], [(passed: Double, processor: Double)]) = ([], [])
    // Short cases are repeated for some seconds: five runs of a tenth of one would all see the same neighbours on a
    // shared machine.
    while times.count < repeats || (times.count < 5 * repeats && times.reduce(0, { $0 + $1.passed }) < 3) {
      times.append(try ours.run())
      if let other { otherTimes.append(try other.run()) }
    }
    var result = Comparison(
      name: item.name, title: item.title, unit: item.unit, items: item.items, operations: ready.operations,
      ours: Comparison.Times(times, peakBytes: try ours.end(), note: ready.note ?? ""),
      target: peer == nil ? nil : item.target, checked: checked)
    if let other, let otherReady {
      result.other = Comparison.Times(otherTimes, peakBytes: try other.end(), note: otherReady.note ?? "")
      let (own, others) = (ready.sample ?? [], otherReady.sample ?? [])
      let difference =
        own.count == others.count ? zip(own, others).map(relativeDifference).max() ?? .infinity : .infinity
      try require(difference, below: item.agreement, "\(item.name): ours and the other side's result")
      result.difference = difference
    }
    return (result, otherReady?.version)
  }

  private func own(_ item: Case, _ folder: InputFolder, _ threads: Int, _ options: [String]) throws -> Side {
    try Side(
      "ours", ["/proc/self/exe", "serve", item.name, "--folder", folder.path, "--threads", "\(threads)"] + options)
  }

  private func otherSide(_ item: Case, _ folder: InputFolder) throws -> Side? {
    if let otherThreads { return try own(item, folder, otherThreads, []) }
    guard let peer else { return nil }
    return try Side("peer", ["/usr/bin/env", peer, "\(peers)/peer.py", item.name, folder.path, "\(threads)"])
  }

  private func note(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}

/// One side: warms up, then runs the case once for each line of its input.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one case for each line of the input.", shouldDisplay: false)

  @Argument var name: String
  @Option var folder: String
  @Option var threads: Int
  @Flag var check = false

  func run() throws {
    let work = try Case.named(name).make(InputFolder(path: folder), threads)
    if check {
      try Side.say(Side.Answer(ready: true, note: try work.check()))
    } else {
      PeakMemory.reset()
      try work.run()
      try Side.say(
        Side.Answer(ready: true, sample: work.sample(), note: "\(threads) threads", operations: work.operations))
    }
    while readLine() != nil {
      let times = try Machine.times { try work.run() }
      try Side.say(Side.Answer(seconds: times.passed, processor: times.processor))
    }
    try Side.say(Side.Answer(peak: PeakMemory.bytes))
  }
}
