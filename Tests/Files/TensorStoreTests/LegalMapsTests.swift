import CHDF5
import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

/// What a writer writes its reader reads, however well it packs: maps of 12 megapixels that are 0, 1 or one-hot
/// everywhere.
@Suite struct LegalMapsTests {
  private static let height = 3000, width = 4000

  /// Two channels that add up to 1.
  private static func planes(_ first: (Int) -> Float) -> Tensor {
    Tensor([2, height, width]) { target in
      for pixel in 0..<height * width {
        (target[pixel], target[height * width + pixel]) = (first(pixel), 1 - first(pixel))
      }
    }
  }

  private static func value(_ kind: String, _ pixel: Int) -> Float {
    switch kind {
    case "0": 0
    case "1": 1
    default: pixel < height * width / 2 ? 1 : 0
    }
  }

  @Test(arguments: ["0", "1", "one-hot"], [HDF5Writer.Precision.half, .single]) func maps(
    kind: String, precision: HDF5Writer.Precision
  ) throws {
    let folder = try TemporaryFolder()
    let scores = Self.planes { Self.value(kind, $0) }
    let map = ScoreMap(scores: scores, labels: [0, 7], height: Self.height, width: Self.width)
    try ScoreMapWriter.write(to: folder.path) { part in
      try part.append("x", map, precision: precision, compression: 9)
      try part.append("x", scores, named: "knowledge", precision: precision)
    }
    let reader = try ScoreMapReader(folder.path)
    #expect(try reader.scores("x", of: (Self.height, Self.width)).scores == scores)
    #expect(try reader.scores("x").scores == scores)
    #expect(try reader.map("x", named: "knowledge") == scores)
  }

  @Test(arguments: ["0", "1", "one-hot"]) func masksAndNumbers(kind: String) throws {
    let folder = try TemporaryFolder()
    let labels = (0..<Self.height * Self.width).map { UInt8(Self.value(kind, $0) * 255) }
    try ScoreMapWriter.write(to: folder.path) { part in
      try part.append("x", labels: labels, height: Self.height, width: Self.width, named: "seed", compression: 9)
    }
    #expect(try ScoreMapReader(folder.path).labels("x", named: "seed").labels == labels)
    let path = folder.file("numbers.h5")
    let shape = [Self.height, Self.width]
    try HDF5Writer.write(to: path) { file in
      try file.write(integers: labels.map { Int64($0) }, shape: shape, "integers", compression: 9)
      try file.write(doubles: labels.map { Double($0) }, shape: shape, "doubles", compression: 9)
    }
    #expect(try HDF5File(path).readIntegers("integers").values == labels.map { Int64($0) })
    #expect(try HDF5File(path).readDoubles("doubles").values == labels.map { Double($0) })
  }

  @Test(arguments: ["0", "1", "one-hot"], [HDF5Writer.Precision.half, .single]) func weights(
    kind: String, precision: HDF5Writer.Precision
  ) throws {
    let folder = try TemporaryFolder()
    let tensor = Self.planes { Self.value(kind, $0) }
    try WeightsFile.save(NamedTensors([("w", tensor)]), to: folder.file("w.h5"), precision: precision, compression: 9)
    #expect(try WeightsFile.load(folder.file("w.h5"))["w"] == tensor)
  }

  /// Memory is limited by what the caller expects, and not by how much the file stores.
  @Test func mapsThatClaimMoreThanTheirImage() throws {
    let folder = try TemporaryFolder()
    let part = folder.file("part-1-of-1.h5")
    try ScoreMapWriter.write(to: folder.path) { part in
      try part.append("x", ScoreMap(scores: Tensor(zeros: [2, 30, 40]), labels: [0, 7], height: 30, width: 40))
      try part.append("cells", ScoreMap(scores: Tensor(zeros: [1, 30, 40]), labels: [0], height: 3, width: 4))
    }
    let reader = try ScoreMapReader(folder.path)
    #expect(throws: Failure(.data, "probability map is 40x30, image is 20x30", file: folder.path, item: "x")) {
      try reader.scores("x", of: (30, 20))
    }
    let cells = Failure(
      .data, "scores of shape 1x30x40 do not go with the labels [0], size [3, 4] and stride 1", file: part,
      item: "cells")
    #expect(throws: cells) { try reader.scores("cells") }
    let few = Failure(.data, expected: "at most 100 elements", found: "the shape 2x30x40", file: part, item: "x/scores")
    #expect(throws: few) { try reader.map("x", named: "scores", atMost: 100) }
  }

  @Test func aFilterThatIsNotThereIsNamed() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("w.h5")
    try WeightsFile.save(NamedTensors([("v", Tensor([2], [1, 2]))]), to: path)
    HDF5Library.locked {
      let file = H5Fopen(path, chdf5_read_write(), chdf5_default())
      let space = H5Screate_simple(1, [24], nil)
      let properties = H5Pcreate(chdf5_dataset_create())
      H5Pset_chunk(properties, 1, [24])
      H5Pset_filter(properties, 32000, UInt32(H5Z_FLAG_OPTIONAL), 0, nil)
      H5Dclose(H5Dcreate2(file, "w", chdf5_float32(), space, chdf5_default(), properties, chdf5_default()))
      H5Pclose(properties)
      H5Sclose(space)
      H5Fclose(file)
    }
    let message =
      "is packed by the filter lzf, which the HDF5 library here does not have; write the file again with gzip, which "
      + "every library has "
      + "(h5py: compression=\"gzip\"; or, where the filter is installed, h5repack -f GZIP=4 OLD NEW)"
    #expect(throws: Failure(.data, message, file: path, item: "w")) { try WeightsFile.load(path) }
  }

  /// A name may claim any number of parts; no list of those that are missing is made of it.
  @Test func partsWithoutNumber() throws {
    let folder = try TemporaryFolder()
    let name = "part-1-of-1000000000000.h5"
    try Data().write(to: URL(fileURLWithPath: folder.file(name)))
    let refused = Failure(
      .data, "is not a part: expected part-I-of-N.h5 with 1 <= I <= N <= 9999", file: folder.file(name))
    #expect(throws: refused) { try ScoreMapReader(folder.path) }
  }

  @Test func partsOfOtherInputsAreNotJoined() throws {
    let folder = try TemporaryFolder()
    for (index, digest) in [(1, "aa"), (2, "bb")] {
      let provenance = Provenance(stage: "cam-infer", version: "1", inputs: [("weights", digest)])
      try ScoreMapWriter.write(to: folder.path, part: MapPart(index: index, count: 2), provenance: provenance) { part in
        try part.append("\(index)", Tensor(zeros: [1, 1]), named: "knowledge")
      }
    }
    let other = Failure(
      .data, "was made otherwise than part-1-of-2.h5: `input weights` is bb here and aa there",
      file: folder.file("part-2-of-2.h5"))
    #expect(throws: other) { try ScoreMapReader(folder.path) }
  }
}

@Suite struct DamagedCheckpointTests {
  @Test func everyChangedNumberIsFound() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("checkpoint.h5")
    let weights = NamedTensors([("a", Tensor([5], [1, 2, 3, 4, 5])), ("b", Tensor(zeros: [3, 7]))])
    let velocities = NamedTensors([("a", Tensor([5], [-1, 0, 1, 0, 2]))])
    try Checkpoint(weights: weights, velocities: velocities, step: 7, epoch: 2, values: ["threads": 2]).save(to: path)
    #expect(try Checkpoint.load(path).step == 7)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    // The elements lie in the file as they are.
    for values in [weights.entries[0].tensor, velocities.entries[0].tensor] {
      let pattern = values.withUnsafeBufferPointer { [UInt8](UnsafeRawBufferPointer($0)) }
      let place = try #require(bytes.indices.first { bytes[$0...].starts(with: pattern) })
      for bit in 0..<8 * pattern.count {
        var changed = bytes
        changed[place + bit / 8] ^= 1 << UInt8(bit % 8)
        try Data(changed).write(to: URL(fileURLWithPath: path))
        let damaged = Failure(
          .data, "damaged: the numbers in it do not have the checksum that was stored with them", file: path)
        #expect(throws: damaged) { try Checkpoint.load(path) }
      }
    }
  }
}
