import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("Golden files: reading and the generator", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenSupportTests {
  @Test func generatorMatchesStoredElements() throws {
    let golden = try Golden.open("resnet38")
    let shapes = try Dictionary(uniqueKeysWithValues: golden.lines("state_dict_names_utf8").map(Self.nameAndShape))
    for (group, fromEnd) in [("generator_check", false), ("generator_check_last", true)] {
      let names = try golden.file.datasetNames(in: group)
      #expect(!names.isEmpty)
      for name in names {
        let expected = try golden.tensor("\(group)/\(name)").values
        let shape = try #require(shapes[name])
        let values = golden.generator.parameter(name, Shape(shape)).values
        #expect(
          Array(fromEnd ? values.suffix(expected.count) : values.prefix(expected.count)) == expected, "\(group)/\(name)"
        )
      }
    }
  }

  @Test func comparisonTellsTheWorstElement() throws {
    let golden = try Golden.open("ops")
    let name = try #require(try golden.cases("activation").first) + "/y"
    var tensor = try golden.tensor(name)
    #expect(try golden.mismatch(tensor, name) == nil)
    tensor = Tensor(tensor.shape, tensor.values.dropLast() + [(tensor.values.last ?? 0) + 1])
    let report = try #require(try golden.mismatch(tensor, name))
    #expect(report.contains("worst at \(tensor.shape.dimensions.map { $0 - 1 })"))
    #expect(report.contains("1 of \(tensor.count) elements beyond"))
  }

  private static func nameAndShape(_ line: String) -> (String, [Int]) {
    let parts = line.split(whereSeparator: { " \t:".contains($0) })
    let shape = parts.dropFirst().joined(separator: " ").split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    return (String(parts[0]), shape)
  }
}
