import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import StepFiles
import TestSupport
import Testing

@Suite struct EvaluationParts {
  private static let names = ["background", "cat", "dog"]

  private func report(_ seed: UInt64, provenance: [String: String] = ["stage": "evaluate"]) throws -> EvaluationReport {
    var generator = SeededGenerator(seed: seed, "part")
    var matrix = ConfusionMatrix(classes: 3)
    for _ in 0..<2 {
      let labels = (0..<2).map { _ in (0..<50).map { _ in UInt8(generator.integer(0...2)) } }
      try matrix.add(
        truth: LabelMask(width: 50, height: 1, labels: labels[0]),
        prediction: LabelMask(width: 50, height: 1, labels: labels[1]))
    }
    return try EvaluationReport(names: Self.names, matrix: matrix, provenance: provenance)
  }

  private func part(_ shard: Int, of shards: Int = 3, split: String = "val", report: EvaluationReport? = nil) throws
    -> EvaluationPart
  {
    EvaluationPart(
      Part(index: shard, count: shards), split: split, report: try report ?? self.report(UInt64(shard)))
  }

  @Test func partsInAFolderAddUpToTheWhole() throws {
    let folder = try TemporaryFolder()
    let parts = try (1...3).map { try part($0) }
    for part in parts { try AtomicFile.write(try part.json(), to: folder.file(part.fileName)) }
    try AtomicFile.write("{}", to: folder.file("evaluation.json"))
    let read = try EvaluationPart.all(in: folder.path)
    #expect(read == parts)
    var whole = ConfusionMatrix(classes: 3)
    for part in parts { try whole.merge(part.report.matrix) }
    let merged = try EvaluationPart.merged(read)
    #expect(merged.matrix == whole && merged.matrix.images == 6 && merged.provenance == ["stage": "evaluate"])
  }

  @Test func incompleteAndMixedFoldersAreTold() throws {
    let folder = try TemporaryFolder()
    func failure() -> String? { #expect(throws: Failure.self) { try EvaluationPart.all(in: folder.path) }?.message }
    #expect(failure() == "holds no parts (part-I-of-N.json)")
    for shard in [1, 3] { try AtomicFile.write(try part(shard).json(), to: folder.file(try part(shard).fileName)) }
    #expect(failure() == "is incomplete: part-2-of-3.json of 3 parts missing")
    try AtomicFile.write(try part(1).json(), to: folder.file("part-2-of-3.json"))
    #expect(failure() == "says that it is part 1 of 3")
    try AtomicFile.write(try part(1, of: 2).json(), to: folder.file("part-1-of-2.json"))
    #expect(failure() == "holds parts of more than one set (of 2 and of 3); remove the old one")
    try StepFolder(folder.path).removeOtherDivisions(than: 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["part-1-of-2.json"])
    try AtomicFile.write("{\"shard\": 1}", to: folder.file("part-1-of-2.json"))
    try AtomicFile.write("[", to: folder.file("part-2-of-2.json"))
    #expect(failure()?.hasPrefix("not an evaluation report: ") == true)
  }

  @Test func partsOfDifferentWorkAreNotMerged() throws {
    func message(_ other: EvaluationPart) throws -> String? {
      let first = try part(1)
      return #expect(throws: Failure.self) { try EvaluationPart.merged([first, other]) }?.description
    }
    #expect(try message(part(2, split: "train")) == "part-2-of-3.json: expected the split val, found train")
    let otherMasks = try report(2, provenance: ["stage": "evaluate", "input.masks": "12"])
    #expect(
      try message(part(2, report: otherMasks))
        == "part-2-of-3.json: was made otherwise: `input.masks` is not told in the first part and 12 here")
    let otherClasses = try EvaluationReport(names: ["background", "cat", "cow"], matrix: ConfusionMatrix(classes: 3))
    #expect(
      try message(part(2, report: otherClasses))
        == "part-2-of-3.json: expected the classes background cat dog, found background cat cow")
  }
}
