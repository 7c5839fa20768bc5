import Foundation
import Foundations
import Recipes
import StepFiles
import TestSupport
import Testing

/// Which entries of which stage's recipe a change of a data set concerns.
@Suite struct RecipesTests {
  private let folder = NSTemporaryDirectory() + "recipes-\(UUID().uuidString)"

  init() throws {
    try write(Self.manifest, to: "manifest.yaml")
    try write("id\tsplit\tlabels\n1\ttrain\tcat\n2\ttrain\tcat dog\n3\tval\tdog\n", to: "items.tsv")
    for id in 1...3 {
      try write("image \(id)", to: "images/\(id).png")
      try write("mask \(id)", to: "masks/\(id).png")
    }
  }

  private static let manifest = """
    name: pets
    classes:
      - {name: background, value: 0, colour: [0, 0, 0]}
      - {name: cat, value: 1, colour: [9, 9, 9]}
      - {name: dog, value: 2, colour: [8, 8, 8]}
    items: items.tsv
    image: images/{id}.png
    mask: masks/{id}.png

    """

  private func write(_ text: String, to name: String) throws { try AtomicFile.write(text, to: "\(folder)/\(name)") }

  private func recipe(_ stage: String, part: Part? = nil, in place: String? = nil) throws -> Recipe {
    let place = place ?? folder
    let evaluates = stage == "evaluate"
    return try RecipeMaker().recipe(
      of: Assignment(
        stage: stage, algorithm: 1, parameters: ["split": evaluates ? "val" : "train"],
        manifest: "\(place)/manifest.yaml", part: part))
  }

  private static let stages = ["train-cam", "crf", "infer-seg", "evaluate"]

  /// The stages, of the four, whose recipe another state of the data set changes.
  private func concerned(_ change: () throws -> Void) throws -> [String] {
    let before = try Self.stages.map { try recipe($0) }
    try change()
    return try zip(Self.stages, before).compactMap { try recipe($0) == $1 ? nil : $0 }
  }

  private func edit(_ name: String, _ old: String, _ new: String) throws {
    let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    try #require(text.contains(old))
    try write(text.replacingOccurrences(of: old, with: new), to: name)
  }

  @Test func onlyWhatAStageReadsCounts() throws {
    #expect(try concerned { try write(Self.manifest + "# a comment\n", to: "manifest.yaml") } == [])
    #expect(try concerned { try edit("manifest.yaml", "name: pets", "name: \"pets2\"\ndescription: x") } == [])
    #expect(try concerned { try edit("manifest.yaml", "[9, 9, 9]", "[9, 9, 7]") } == ["crf", "infer-seg", "evaluate"])
    #expect(try concerned { try edit("manifest.yaml", "name: cat", "name: lynx") } == Self.stages)
    #expect(try concerned { try edit("manifest.yaml", "items:", "unlisted: void\nitems:") } == ["evaluate"])
    #expect(try concerned { try edit("manifest.yaml", "items:", "void: 254\nitems:") } == Self.stages)
    #expect(try concerned { try edit("items.tsv", "1\ttrain\tcat", "1\ttrain\tdog") } == ["train-cam", "crf"])
    #expect(try concerned { try write("other", to: "images/1.png") } == ["train-cam", "crf", "infer-seg"])
    #expect(try concerned { try write("other", to: "images/3.png") } == [])
    #expect(try concerned { try write("other", to: "masks/3.png") } == ["evaluate"])
    #expect(try concerned { try write("other", to: "masks/1.png") } == [])
    #expect(try concerned { try edit("items.tsv", "2\ttrain", "2\tother") } == ["train-cam", "crf", "infer-seg"])
    #expect(
      try concerned { try edit("manifest.yaml", "items:", "orientation: apply\nitems:") } == Self.stages,
      "a key that is not known counts")
  }

  @Test func placesAreNoContent() throws {
    let other = folder + "-moved"
    let before = try Self.stages.map { try recipe($0) }
    try FileManager.default.copyItem(atPath: folder, toPath: other)
    #expect(try Self.stages.map { try recipe($0, in: other) } == before)
    #expect(
      try Self.stages.map { try recipe($0, in: "\(folder)/../\((folder as NSString).lastPathComponent)/.") } == before)
    try edit("manifest.yaml", "images/{id}.png", "pictures/{id}.png")
    try FileManager.default.moveItem(atPath: "\(folder)/images", toPath: "\(folder)/pictures")
    #expect(try Self.stages.map { try recipe($0) } == before)
  }

  @Test func aPartDependsOnItsOwnImages() throws {
    let before = try Part.all(of: 2).map { try recipe("crf", part: $0) }
    try write("other", to: "images/2.png")
    let after = try Part.all(of: 2).map { try recipe("crf", part: $0) }
    #expect(before[0] == after[0] && before[1] != after[1])
    #expect(after[1].differences(from: before[1]).map(\.name) == ["manifest images"])
  }

  @Test func digestsOfTheTableStandForTheFiles() throws {
    try write("id\tsplit\tlabels\timage_sha256\n1\ttrain\tcat\t\(String(repeating: "a", count: 64))\n", to: "items.tsv")
    let before = try recipe("train-cam")
    try write("other", to: "images/1.png")
    #expect(try recipe("train-cam") == before)
  }

  @Test func inputsCountByContent() throws {
    func made(_ path: String) throws -> String? {
      try RecipeMaker().recipe(
        of: Assignment(stage: "crf", algorithm: 1, inputs: [Assignment.Input(name: "scores", path: path)]))[
          "input scores"]
    }
    try write("weights", to: "w.h5")
    #expect(try made("\(folder)/w.h5") == SHA256.hexadecimal(of: "weights".utf8))
    let folderDigest = try made("\(folder)/masks")
    try write("another", to: "masks/2.png")
    #expect(try made("\(folder)/masks") != folderDigest)
    try write("maps", to: "cam/part-1-of-1.h5")
    let list = try FileList(of: ["part-1-of-1.h5"], in: "\(folder)/cam")
    try StepFolder("\(folder)/cam").complete(
      Part(), Completion(recipe: Recipe(["stage": "cam"]), content: String(repeating: "1", count: 64), list: list), list
    )
    #expect(try made("\(folder)/cam") == String(repeating: "1", count: 64))
    #expect(throws: Failure.self) { try made("\(folder)/none") }
  }
}
