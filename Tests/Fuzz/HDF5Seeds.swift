import CHDF5
import Foundation
import Foundations
import TensorStore
import Tensors
import TestSupport

extension Seed {
  /// Weights as stages write them (plain, of half precision, compressed, with all kinds of attributes, a checkpoint)
  /// and in HDF5's newer format.
  static func hdf5(in folder: TemporaryFolder) throws -> [Seed] {
    let small = NamedTensors([
      ("a.weight", Tensor([2, 3], (0..<6).map { Float($0) })), ("a.bias", Tensor([3], [1, 2, 3])), ("b", Tensor(7)),
    ])
    let wide = NamedTensors([("w", Tensor([4, 80], (0..<320).map { Float($0 % 7) })), ("b", Tensor([2], [1, 2]))])
    var described = small
    described.attributes = [
      "network": "classifier", "classes": .strings(["background", "cat", "dög"]), "mask_values": .integers([0, 1, 2]),
      "rate": 0.5,
      "means": .doubles([0.5, .infinity]), "count": 3,
    ]
    try WeightsFile.save(small, to: folder.file("single.h5"))
    try WeightsFile.save(small, to: folder.file("half.h5"), precision: .half)
    try WeightsFile.save(wide, to: folder.file("deflated.h5"), compression: 4)
    try WeightsFile.save(wide, to: folder.file("deflated-half.h5"), precision: .half, compression: 1)
    try WeightsFile.save(
      described, to: folder.file("described.h5"), provenance: Provenance(stage: "train-cam", version: "2", seed: 1))
    try Checkpoint(weights: small, velocities: small, step: 3, epoch: 1).save(to: folder.file("checkpoint.h5"))
    HDF5Library.locked { writeNewer(folder.file("newer.h5")) }
    let names = ["single", "half", "deflated", "deflated-half", "described", "checkpoint", "newer"]
    return try names.map { try Seed(path: folder.file("\($0).h5")).sealed }
  }

  /// The same, with the checksums of what is damaged made anew in the damaged file (where its size is the same), so
  /// that damage gets beyond them.
  var sealed: Seed {
    let regions = HDF5Checksums.regions(of: bytes)
    guard !regions.isEmpty else { return self }
    return Seed(name: name, bytes: bytes) { mutations in
      var damaged = mutations.mutated(bytes)
      for _ in 0..<20 where damaged.count != bytes.count { damaged = mutations.mutated(bytes) }
      if damaged.count == bytes.count { HDF5Checksums.renew(regions, of: &damaged) }
      return damaged
    }
  }

  /// What other programs write where they ask for the newest format: headers with checksums, chunks in indices of
  /// several kinds, many attributes and members in heaps.
  private static func writeNewer(_ path: String) {
    let access = H5Pcreate(chdf5_file_access())
    chdf5_use_newest(access)
    let file = H5Fcreate(path, chdf5_truncate(), chdf5_default(), access)
    H5Pclose(access)
    let layouts: [(limit: hsize_t, chunk: hsize_t?)] = [(24, nil), (24, 24), (24, 8), (.max, 8)]
    for (index, layout) in (layouts + Array(repeating: (24, nil), count: 8)).enumerated() {
      let space = H5Screate_simple(1, [24], [layout.limit])
      let properties = H5Pcreate(chdf5_dataset_create())
      H5Pset_obj_track_times(properties, false)
      if let chunk = layout.chunk {
        H5Pset_chunk(properties, 1, [chunk])
        H5Pset_shuffle(properties)
        H5Pset_deflate(properties, 4)
      }
      let set = H5Dcreate2(
        file, "layer\(index).weight", chdf5_float32(), space, chdf5_default(), properties, chdf5_default())
      H5Dwrite(set, chdf5_native_float(), chdf5_all(), chdf5_all(), chdf5_default(), (0..<24).map { Float($0) })
      H5Dclose(set)
      let attribute = H5Acreate2(file, "attribute\(index)", chdf5_float64(), space, chdf5_default(), chdf5_default())
      H5Awrite(attribute, chdf5_native_double(), (0..<24).map { Double($0) })
      H5Aclose(attribute)
      H5Pclose(properties)
      H5Sclose(space)
    }
    H5Fclose(file)
  }
}

/// The checksums of HDF5's newer structures, found by trying: from a signature on, the first end after which stands
/// the checksum of what is between.
enum HDF5Checksums {
  private static let signatures = [
    "OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTIN", "BTLF", "FSHD", "FAHD", "FADB", "EAHD", "EAIB",
  ].map {
    Array($0.utf8)
  }
  private static let fileSignature: [UInt8] = [0x89, 0x48, 0x44, 0x46]

  static func regions(of bytes: [UInt8]) -> [Range<Int>] {
    bytes.indices.dropLast(8).compactMap { start in
      let signature = Array(bytes[start..<start + 4])
      guard signatures.contains(signature) || (start == 0 && signature == fileSignature && bytes[8] >= 2) else {
        return nil
      }
      let end = (start + 8..<min(start + 4096, bytes.count - 3)).first {
        checksum(bytes[start..<$0]) == stored(bytes, $0)
      }
      return end.map { start..<$0 }
    }
  }

  static func renew(_ regions: [Range<Int>], of bytes: inout [UInt8]) {
    for region in regions {
      let value = checksum(bytes[region])
      for index in 0..<4 { bytes[region.upperBound + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
  }

  private static func stored(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * $1) }
  }

  /// Bob Jenkins' lookup3, which HDF5 uses, from the value 0.
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    func turned(_ x: UInt32, _ bits: UInt32) -> UInt32 { x << bits | x >> (32 - bits) }
    let start = 0xDEAD_BEEF &+ UInt32(bytes.count)
    var (a, b, c) = (start, start, start)
    func word(_ at: Int) -> UInt32 {
      (0..<4).reduce(0) { at + $1 < bytes.endIndex ? $0 | UInt32(bytes[at + $1]) << (8 * $1) : $0 }
    }
    var at = bytes.startIndex
    while bytes.endIndex - at > 12 {
      (a, b, c) = (a &+ word(at), b &+ word(at + 4), c &+ word(at + 8))
      a = (a &- c) ^ turned(c, 4); c = c &+ b
      b = (b &- a) ^ turned(a, 6); a = a &+ c
      c = (c &- b) ^ turned(b, 8); b = b &+ a
      a = (a &- c) ^ turned(c, 16); c = c &+ b
      b = (b &- a) ^ turned(a, 19); a = a &+ c
      c = (c &- b) ^ turned(b, 4); b = b &+ a
      at += 12
    }
    guard at < bytes.endIndex else { return c }
    (a, b, c) = (a &+ word(at), b &+ word(at + 4), c &+ word(at + 8))
    c = (c ^ b) &- turned(b, 14)
    a = (a ^ c) &- turned(c, 11)
    b = (b ^ a) &- turned(a, 25)
    c = (c ^ b) &- turned(b, 16)
    a = (a ^ c) &- turned(c, 4)
    b = (b ^ a) &- turned(a, 14)
    return (c ^ b) &- turned(b, 24)
  }
}
