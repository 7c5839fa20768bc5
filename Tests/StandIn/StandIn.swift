import Foundation
import Foundations
import Recipes
import StageInterface
import StepFiles

/// Stands in for any stage, under its name: takes the command line that the stage takes, follows the rules of a step's
/// folder, and computes nothing. What it writes depends on its recipe alone.
///
/// Where the folder that `STAND_IN_FOLDER` names has a file `wait-STAGE` it waits, for a minute at most, until that is
/// gone.
///
/// It notes `STEP PART` in the file `log` of the folder that `STAND_IN_FOLDER` names, and its command line in
/// `commands`. Where that folder has a file `fail-STAGE` it fails after it began to write; where it has `same-STAGE`
/// what it writes does not depend on the recipe; where it has `with-masks` a stage over images writes a mask per image.
@main struct StandIn {
  let stage: StageDeclaration
  let arguments: [String]
  let bench: String

  static func main() throws {
    let name = URL(fileURLWithPath: CommandLine.arguments[0]).lastPathComponent
    guard let stage = StageCatalogue.standard[name], let bench = ProcessInfo.processInfo.environment["STAND_IN_FOLDER"]
    else {
      throw Failure(.usage, "no stage `\(name)`, or STAND_IN_FOLDER is not set")
    }
    do {
      try StandIn(stage: stage, arguments: Array(CommandLine.arguments.dropFirst()), bench: bench).run()
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("\(name): \(failure)\n".utf8))
      exit(failure.kind.rawValue)
    }
  }

  private func value(_ name: String) -> String? {
    arguments.firstIndex(of: "--\(name)").map { arguments[$0 + 1] }
  }

  private func note(_ line: String, in file: String) throws {
    let handle = open("\(bench)/\(file)", O_WRONLY | O_APPEND | O_CREAT, 0o644)
    _ = Foundation.write(handle, "\(line)\n", line.utf8.count + 1)
    close(handle)
  }

  private func run() throws {
    let out = value("out") ?? ""
    let shard = value("shard").flatMap(Part.init(argument:))
    let part = stage.output.target == .parts ? shard ?? Part() : nil
    try note("\(stage.name) \(arguments.joined(separator: " "))", in: "commands")
    try note(
      ([URL(fileURLWithPath: out).lastPathComponent] + (shard.map { ["\($0)"] } ?? [])).joined(separator: " "),
      in: "log")
    let assignment = Assignment(
      try stage.request(of: arguments), stage: stage.name, algorithm: stage.algorithmVersion, part: part)
    let recipe = try RecipeMaker().recipe(of: assignment)
    try AtomicFile.createFolder(out)
    let folder = StepFolder(out)
    let lock = try FolderLock(folder.lockPath(part), program: stage.name, what: "this step")
    defer { lock.release() }
    let (work, _) = try Unfinished.open(folder, part, recipe: recipe)
    for _ in 0..<1200 where FileManager.default.fileExists(atPath: "\(bench)/wait-\(stage.name)") { usleep(50_000) }
    if FileManager.default.fileExists(atPath: "\(bench)/fail-\(stage.name)") {
      throw Failure(.data, "was told to fail")
    }
    let isSame = FileManager.default.fileExists(atPath: "\(bench)/same-\(stage.name)")
    let content = SHA256.hexadecimal(of: (isSame ? stage.name : recipe.digest).utf8)
    var names = try write(content, part, to: work.path)
    if let part, stage.output.contents.contains(.masks), FileManager.default.fileExists(atPath: "\(bench)/with-masks") {
      names += try writeMasks(content, part, split: assignment.split, to: work.path)
    }
    let list = try FileList(of: names, in: work.path)
    try folder.invalidate(part)
    try folder.removeOtherDivisions(than: part?.count)
    for name in names { try work.move(name, to: folder) }
    var completion = Completion(recipe: recipe, content: content, list: list)
    (completion.shard, completion.shards) = (part?.index, part?.count)
    try folder.complete(part, completion, list)
    try work.remove()
  }

  /// `masks/ID.png` for the part's rows of the table of items beside the manifest.
  private func writeMasks(_ content: String, _ part: Part, split: String, to folder: String) throws -> [String] {
    let table = "\(((value("manifest") ?? "") as NSString).deletingLastPathComponent)/items.tsv"
    let rows = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n").dropFirst().map {
      $0.split(separator: "\t")
    }
    return try part.select(rows.filter { $0.count > 1 && $0[1] == split }).map { row in
      try AtomicFile.write("\(row[0]) \(content)", to: "\(folder)/masks/\(row[0]).png")
      return "masks/\(row[0]).png"
    }
  }

  private func write(_ content: String, _ part: Part?, to folder: String) throws -> [String] {
    var files: [String: String]
    switch stage.output.target {
    case .parts: files = ["\((part ?? Part()).stem).h5": content]
    case .file(let name): files = [name: content]
    }
    if stage.output.contents.contains(.scenes) {
      files = [
        "manifest.yaml": "classes: []\nitems: items.tsv\nimage: images/{id}.png\n# \(content)\n",
        "items.tsv": "id\tsplit\tlabels\ta\n1\ttrain\ta\n2\ttrain\ta\n3\ttrain\ta\n4\tval\ta\n",
      ]
    }
    for (name, text) in files { try AtomicFile.write(text, to: "\(folder)/\(name)") }
    return files.keys.sorted()
  }
}
