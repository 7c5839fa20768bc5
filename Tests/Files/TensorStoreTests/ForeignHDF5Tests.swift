import CHDF5
import Foundation
import Foundations
import TensorStore
import Tensors
import TestSupport
import Testing

/// Weights in HDF5 that lead elsewhere, or claim what they do not hold: refused by name, whatever stands at the other
/// end.
@Suite struct ForeignHDF5Tests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file with the data set `w`, to which `add` adds something.
  private func file(_ name: String = "w.h5", _ add: (hid_t) -> Void = { _ in }) throws -> String {
    let path = folder.file(name)
    try WeightsFile.save(NamedTensors([("w", Tensor([2], [1, 2]))]), to: path)
    HDF5Library.locked {
      let file = H5Fopen(path, chdf5_read_write(), chdf5_default())
      add(file)
      H5Fclose(file)
    }
    return path
  }

  /// Adds a data set of `count` floats with a layout of `change`'s.
  private func add(
    _ name: String, _ count: hsize_t, to file: hid_t, _ change: (_ properties: hid_t, _ space: hid_t) -> Void
  ) {
    let space = H5Screate_simple(1, [count], nil)
    let properties = H5Pcreate(chdf5_dataset_create())
    change(properties, space)
    H5Dclose(H5Dcreate2(file, name, chdf5_float32(), space, chdf5_default(), properties, chdf5_default()))
    H5Pclose(properties)
    H5Sclose(space)
  }

  @Test func linksAreNotFollowed() throws {
    let other = try file("other.h5")
    let message = "is a link to another place, which is not followed"
    let soft = try file { H5Lcreate_soft("/w", $0, "again", chdf5_default(), chdf5_default()) }
    #expect(throws: Failure(.data, message, file: soft, item: "again")) { try WeightsFile.load(soft) }
    let external = try file { H5Lcreate_external(other, "/w", $0, "theirs", chdf5_default(), chdf5_default()) }
    #expect(throws: Failure(.data, message, file: external, item: "theirs")) { try WeightsFile.load(external) }
    let dangling = try file {
      H5Lcreate_external("/nonexistent.h5", "/w", $0, "none", chdf5_default(), chdf5_default())
    }
    #expect(throws: Failure(.data, message, file: dangling, item: "none")) { try WeightsFile.load(dangling) }
    // A second name of the same data set is none of these: networks tie weights so.
    let hard = try file { H5Lcreate_hard($0, "w", $0, "tied", chdf5_default(), chdf5_default()) }
    #expect(try WeightsFile.load(hard)["tied"]?.values == [1, 2])
  }

  @Test func elementsInOtherFilesAreNotRead() throws {
    let other = try file("other.h5")
    try Data(count: 64).write(to: URL(fileURLWithPath: folder.file("raw")))
    let message = "keeps its elements in other files or data sets, which are not read"
    let raw = folder.file("raw")
    let external = try file { file in add("x", 4, to: file) { properties, _ in H5Pset_external(properties, raw, 0, 16) }
    }
    #expect(throws: Failure(.data, message, file: external, item: "x")) { try WeightsFile.load(external) }
    #expect(throws: Failure(.data, message, file: external, item: "x")) { try HDF5File(external).readTensor("x") }
    let virtual = try file { file in
      add("v", 2, to: file) { properties, space in H5Pset_virtual(properties, space, other, "w", space) }
    }
    #expect(throws: Failure(.data, message, file: virtual, item: "v")) { try WeightsFile.load(virtual) }
  }

  @Test func whatWasNeverWrittenIsZeroWithinReason() throws {
    let small = try file { file in add("x", 5, to: file) { _, _ in } }
    #expect(try WeightsFile.load(small)["x"]?.values == [0, 0, 0, 0, 0])
    let large = try file { file in add("x", 1 << 38, to: file) { properties, _ in H5Pset_chunk(properties, 1, [1024]) }
    }
    let claim = Failure(.data, "claims to hold \(1 << 40) bytes, but stores only 0", file: large, item: "x")
    #expect(throws: claim) { try WeightsFile.load(large) }
  }

  @Test func typesThatAreNoNumbersAreNamed() throws {
    let committed = try file { file in
      let type = H5Tcopy(chdf5_float32())
      H5Tcommit2(file, "type", type, chdf5_default(), chdf5_default(), chdf5_default())
      let space = H5Screate(H5S_SCALAR)
      H5Dclose(H5Dcreate2(file, "x", type, space, chdf5_default(), chdf5_default(), chdf5_default()))
      H5Sclose(space)
      H5Tclose(type)
    }
    #expect(try WeightsFile.load(committed).names == ["w", "x"])
    let strings = try file { file in
      let type = chdf5_make_string()
      let space = H5Screate(H5S_SCALAR)
      H5Dclose(H5Dcreate2(file, "s", type, space, chdf5_default(), chdf5_default(), chdf5_default()))
      H5Sclose(space)
      H5Tclose(type)
    }
    #expect(throws: Failure(.data, "expected numbers, found strings", file: strings, item: "s")) {
      try WeightsFile.load(strings)
    }
  }
}
