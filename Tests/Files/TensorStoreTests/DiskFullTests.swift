import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("A full disk", .enabled(if: SmallDisk.isAvailable, "needs the right to mount a small file system"))
struct DiskFullTests {
  /// Sizes at which writing fails early, and only when HDF5 flushes its caches at the end.
  @Test(arguments: [0, 4], [32, 64, 512, 1500])
  func failsWithTheFinalPathAndLeavesTheOldFile(compression: Int, kibibytes: Int) throws {
    let disk = try SmallDisk(kibibytes: kibibytes)
    let path = "\(disk.path)/maps.h5"
    try HDF5Writer.write(to: path) { try $0.write(Tensor(5), "old") }
    var generator = SeededGenerator(seed: 3)
    let noise = Tensor([1 << 17], (0..<1 << 17).map { _ in generator.unit() })
    let error = #expect(throws: Failure.self) {
      try HDF5Writer.write(to: path) { file in
        for i in 0..<4 { try file.write(noise, "id\(i)/scores", compression: compression) }
      }
    }
    #expect(error?.kind == .io)
    #expect(error?.file == path)
    #expect(error?.message == "cannot write: No space left on device")
    #expect(try HDF5File(path).readTensor("old").item == 5)
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == ["maps.h5"])
  }

  @Test func manySmallGroupsFailToo() throws {
    let disk = try SmallDisk(kibibytes: 128)
    let path = "\(disk.path)/maps.h5"
    let error = #expect(throws: Failure.self) {
      try ScoreMapWriter.write(to: disk.path) { part in
        for i in 0..<3000 {
          try part.append("id\(i)", ScoreMap(scores: Tensor(zeros: [2, 4, 4]), labels: [0, 1], height: 4, width: 4))
        }
      }
    }
    #expect(error?.kind == .io)
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
