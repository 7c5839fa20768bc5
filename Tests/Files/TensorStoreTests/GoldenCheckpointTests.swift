import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("Golden checkpoints", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenCheckpointTests {
  private func files(_ suffix: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: Golden.path("weights")).filter { $0.hasSuffix(suffix) }.sorted()
  }

  private func expectSame(_ actual: NamedTensors, _ expected: HDF5File, _ group: String) throws {
    #expect(actual.names.sorted() == (try expected.datasetNames(in: group).sorted()), "\(group)")
    for (name, tensor) in actual.entries {
      let reference = try expected.readTensor("\(group)/\(name)")
      #expect(mismatch(tensor, reference, tolerance: 0, "\(group)/\(name)") == nil)
    }
  }

  @Test func expectedTensors() throws {
    let expected = try HDF5File(Golden.path("weights/expected.h5"))
    let groups = try expected.groupNames()
    #expect(!groups.isEmpty)
    for group in groups { try expectSame(PyTorchCheckpoint.read(Golden.path("weights/\(group).pth")), expected, group) }
  }

  @Test func everythingElseIsRefused() throws {
    let expected = try HDF5File(Golden.path("weights/expected.h5"))
    let refused = try files(".pth").filter { try !expected.contains(String($0.dropLast(4))) }
    #expect(!refused.isEmpty)
    for name in refused {
      let error = #expect(throws: Failure.self, "\(name)") {
        try PyTorchCheckpoint.read(Golden.path("weights/\(name)"))
      }
      #expect(error?.kind == .data && error?.file == Golden.path("weights/\(name)"))
      if name.hasPrefix("evil") {
        #expect(
          error?.message.contains("refused: the pickle asks for") == true, "\(name): \(String(describing: error))")
      }
      if name.hasPrefix("truncated") {
        #expect(error?.message.contains("cut short") == true, "\(name): \(String(describing: error))")
      }
    }
    #expect(
      !FileManager.default.fileExists(
        atPath: FileManager.default.temporaryDirectory.appendingPathComponent("pwned").path))
  }

  @Test func flatHDF5Weights() throws {
    let expected = try HDF5File(Golden.path("weights/expected.h5"))
    let names = try files(".h5").filter { $0.hasPrefix("weights") }
    #expect(!names.isEmpty)
    for name in names { try expectSame(WeightsFile.load(Golden.path("weights/\(name)")), expected, "zip") }
  }
}
