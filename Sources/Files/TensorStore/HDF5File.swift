import CHDF5
import Foundation
import Foundations
import Tensors

/// An HDF5 file opened for reading. Items are named by path, `a/b`; the root is `/`.
///
/// Every problem is a `Failure` that names the file and the item: `.noInput` where the file is missing, `.data` where
/// what it holds is wrong or damaged. Safe to use from several threads; the calls run one after another, as the library
/// demands. Closed when the last reference goes.
public final class HDF5File: Sendable {
  public let path: String
  private let identifier: hid_t

  /// Opens `path`. Fails where it is missing, unreadable, not HDF5, or cut short.
  public init(_ path: String) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw Failure(.noInput, "no such file, or it cannot be read", file: path)
    }
    try? handle.close()
    let place = HDF5Place(file: path, item: nil, kind: .data)
    self.path = path
    identifier = try HDF5Library.locked {
      let id = H5Fopen(path, chdf5_read_only(), chdf5_default())
      return try place.check(id, "not a readable HDF5 file")
    }
  }

  deinit {
    HDF5Library.locked { _ = H5Fclose(identifier) }
  }

  /// Whether there is a data set or group of this name. Fails where a part of the name is a link to another place.
  public func contains(_ name: String) throws -> Bool {
    try locked {
      var prefix = ""
      for component in name.split(separator: "/") {
        prefix += (prefix.isEmpty ? "" : "/") + component
        if H5Lexists(identifier, prefix, chdf5_default()) <= 0 { return false }
        let place = HDF5Place(file: path, item: prefix, kind: .data)
        guard try place.check(chdf5_is_own(identifier, prefix), "cannot read the member") > 0 else {
          throw Self.isLink(place)
        }
      }
      return true
    }
  }

  private static func isLink(_ place: HDF5Place) -> Failure {
    place.failure("is a link to another place, which is not followed")
  }

  enum Kind { case dataset, group, other }

  func kind(of name: String) throws -> Kind {
    try withObject(name) { id, _ in
      switch H5Iget_type(id) {
      case H5I_DATASET: .dataset
      case H5I_GROUP: .group
      default: .other
      }
    }
  }

  /// The names of everything directly within `group`, in order of creation where the file records it (ours do), else by
  /// increasing name (bytewise). Cost grows with their number.
  public func names(in group: String = "/") throws -> [String] {
    try withObject(group) { id, place in
      guard H5Iget_type(id) == H5I_GROUP else { throw place.failure("expected a group, found a data set") }
      return try place.names(HDF5Library.collectNames { chdf5_each_link(id, $0, $1) })
    }
  }

  /// The names of the data sets directly within `group`, in the order of `names(in:)`.
  package func datasetNames(in group: String = "/") throws -> [String] { try names(in: group, ofKind: H5I_DATASET) }

  /// The names of the groups directly within `group`, in the order of `names(in:)`.
  package func groupNames(in group: String = "/") throws -> [String] { try names(in: group, ofKind: H5I_GROUP) }

  /// The extents of a data set; empty for a single value without axes.
  public func shape(of name: String) throws -> [Int] {
    try withDataset(name) { id, place in try Self.dimensions(dataset: id, place) }
  }

  private func names(in group: String, ofKind kind: H5I_type_t) throws -> [String] {
    try names(in: group).filter { name in
      try withObject(group == "/" ? name : "\(group)/\(name)") { id, _ in H5Iget_type(id) == kind }
    }
  }

  // MARK: Access for the readers

  func locked<R>(_ body: () throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try HDF5Library.locked(body) }
  }

  func withObject<R>(_ name: String, _ body: (hid_t, HDF5Place) throws -> R) throws -> R {
    try locked {
      let place = HDF5Place(file: path, item: nil, kind: .data).of(name)
      guard try contains(name) else { throw place.failure("no such data set or group") }
      let id = try place.check(H5Oopen(identifier, name, chdf5_default()), "cannot open")
      defer { H5Oclose(id) }
      return try body(id, place)
    }
  }

  func withDataset<R>(_ name: String, _ body: (hid_t, HDF5Place) throws -> R) throws -> R {
    try withObject(name) { id, place in
      guard H5Iget_type(id) == H5I_DATASET else { throw place.failure("expected a data set, found a group") }
      return try body(id, place)
    }
  }

  /// Fails where a member of `group` is a link to a place of another name, perhaps in another file, which following its
  /// name would open.
  func requireOwnMembers(of group: String = "/") throws {
    for name in try names(in: group) {
      try withObject(group) { id, place in
        let isOwn = try place.check(chdf5_is_own(id, name), "cannot read the member `\(name)`")
        guard isOwn > 0 else {
          throw Self.isLink(place.of(group == "/" ? name : "\(group)/\(name)"))
        }
      }
    }
  }

  /// Extents, checked so that their product fits and does not claim more than the file can hold. Elements in other
  /// files are refused.
  static func dimensions(dataset id: hid_t, _ place: HDF5Place) throws -> [Int] {
    var isFiltered: Int32 = 0
    guard try place.check(chdf5_has_own_storage(id, &isFiltered), "cannot read the layout") > 0 else {
      throw place.failure("keeps its elements in other files or data sets, which are not read")
    }
    try requireFilters(dataset: id, place)
    let space = try place.check(H5Dget_space(id), "cannot read the shape")
    defer { H5Sclose(space) }
    let shape = try dimensions(space: space, place)
    let type = try place.check(H5Dget_type(id), "cannot read the type")
    defer { H5Tclose(type) }
    // A file that stores little cannot hold much; claims beyond that are damage. Deflate's longest match is 258
    // bytes, and takes at least two bits, one for its length and one for its distance: 258 * 8 / 2 = 1032 bytes for
    // one, whatever they are. So all that deflate can write is let pass: maps of one value come near to it. It counts
    // the bytes of the file's own type; what they take as float32 is for the reader's caller to limit. What was never
    // written takes no storage and reads as zeros: a little of that is let pass.
    let bytes = Double(shape.reduce(1, *)) * Double(H5Tget_size(type))
    let stored = min(H5Dget_storage_size(id), chdf5_file_size(id))
    let limit = Double(stored) * (isFiltered > 0 ? 1032 : 1) + Double(1 << 22)
    guard bytes <= limit else {
      throw place.failure("claims to hold \(String(format: "%.0f", bytes)) bytes, but stores only \(stored)")
    }
    return shape
  }

  /// Fails where the elements went through a filter that this library does not have, such as h5py's lzf.
  private static func requireFilters(dataset id: hid_t, _ place: HDF5Place) throws {
    var name = [CChar](repeating: 0, count: 64)
    let filter = try place.check(chdf5_missing_filter(id, &name, name.count), "cannot read the filters")
    guard filter > 0 else { return }
    let stored = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let known = [32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 4: "szip"]
    let title = known[Int(filter)] ?? (stored.isEmpty ? "number \(filter)" : stored)
    throw place.failure(
      "is packed by the filter \(title), which the HDF5 library here does not have; write the file again with gzip, "
        + "which every library has "
        + "(h5py: compression=\"gzip\"; or, where the filter is installed, h5repack -f GZIP=4 OLD NEW)")
  }

  static func dimensions(space: hid_t, _ place: HDF5Place) throws -> [Int] {
    switch H5Sget_simple_extent_type(space) {
    case H5S_SCALAR: return []
    case H5S_NULL: return [0]
    default: break
    }
    let rank = Int(try place.check(H5Sget_simple_extent_ndims(space), "cannot read the shape"))
    var extents = [hsize_t](repeating: 0, count: rank)
    try place.check(H5Sget_simple_extent_dims(space, &extents, nil), "cannot read the shape")
    var count = 1
    for extent in extents {
      let (product, overflow) = count.multipliedReportingOverflow(by: Int(clamping: extent))
      guard !overflow, product < 1 << 40, extent < 1 << 40 else {
        throw place.failure("has impossible extents \(extents)")
      }
      count = product
    }
    return extents.map { Int($0) }
  }
}
