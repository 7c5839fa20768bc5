import Foundation
import TensorStore
import TestSupport
import Testing

extension StageSuites {
  /// Weights of a finished step are compared with the digest that was taken when they were made, by whoever reads them.
  @Suite(.workshop) struct RecordedWeightsTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// A copy of a training's folder with the last bit of one weight changed: no reader of HDF5 can tell.
    private func damagedCopy(_ name: String) throws -> String {
      let copy = try workshop.copy(try workshop.output("cam-train"), to: name)
      let path = workshop.path("\(copy)/weights.h5")
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let largest = try #require(try WeightsFile.load(path).entries.max { $0.tensor.count < $1.tensor.count })
      let start = largest.tensor.values.prefix(4).withUnsafeBytes { Array($0) }
      let place = try #require(bytes.indices.first { bytes[$0...].starts(with: start) })
      bytes[place] ^= 1
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      return copy
    }

    @Test func oneChangedBitIsFoundByTheNextStage() throws {
      let folder = try damagedCopy("flipped")
      let message = "\(folder)/weights.h5: is not as it was made: its SHA-256 is "
      for command in [
        ["cam-infer"] + Workshop.data + Workshop.oneScale + ["--weights", "\(folder)/weights.h5", "--out", "o"],
        ["export-weights", "--weights", "\(folder)/weights.h5", "--out", "e", "--quiet"],
      ] {
        let outcome = try workshop.run(command)
        #expect(outcome.status == 65)
        #expect(outcome.output.hasPrefix("\(command[0]): \(message)"), "\(outcome.output)")
        #expect(outcome.output.contains("or remove \(folder)/step.tsv to use it as it is\n"), "\(outcome.output)")
      }
      #expect(!workshop.exists("o/part-1-of-1.json") && !workshop.exists("e/export.json"))
      // As the message says.
      try FileManager.default.removeItem(atPath: workshop.path("\(folder)/step.tsv"))
      let command =
        ["cam-infer"] + Workshop.data + Workshop.oneScale + ["--weights", "\(folder)/weights.h5", "--out", "o"]
      #expect(try workshop.run(command).status == 0)
    }
  }
}
