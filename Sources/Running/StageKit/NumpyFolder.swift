import Datasets
import Foundation
import Foundations
import TensorStore
import Tensors

/// Score maps from elsewhere: a folder with `ID.npy` or `ID.npz` for each image (`NumpyScores` has the layouts).
public struct NumpyFolder: Sendable {
  /// What the maps hold where a file does not say the mask value of each.
  public enum Content: Sendable {
    /// All classes, or keys that count from the background, which is 0: PSA's `out_la_crf`, softmax maps.
    case withBackground
    /// The objects alone, or keys that count from the first object, which is 0: activation maps of PSA and IRN.
    case objectsOnly
  }

  public let path: String
  private let content: Content

  /// nil where the folder has no such file of any of the items.
  ///
  /// - Throws: `Failure(.data)` for the first item without a file where others have one, and where an item has both.
  init?(_ path: String, for items: [Manifest.Item], content: Content) throws {
    self.path = path
    self.content = content
    let files = items.map { Self.files(of: $0.id, in: path) }
    guard files.contains(where: { !$0.isEmpty }) else { return nil }
    for (item, files) in zip(items, files) where files.count != 1 {
      let message =
        files.isEmpty
        ? "has no scores (ID.npy or ID.npz) of this image of the manifest" : "has two files of scores of this image"
      throw Failure(.data, message, file: path, item: item.id)
    }
  }

  private static func files(of id: String, in folder: String) -> [String] {
    NumpyScores.suffixes.map { "\(folder)/\(id).\($0)" }.filter { FileManager.default.fileExists(atPath: $0) }
  }

  /// The maps of the image's classes, in the order of the class table, and the pixels that a cell stands for.
  ///
  /// Of maps of every class those of the image's labels are taken, and the background's where there is one; all where
  /// the labels are not known.
  /// - Throws: `Failure(.data)` for maps of another size, of classes that the image does not have, or of another number
  ///   of classes.
  func scores(
    of item: Manifest.Item, width: Int, height: Int, classes: ClassTable
  ) throws -> (values: Tensor, labels: [Int], stride: Int) {
    guard let file = Self.files(of: item.id, in: path).first else {
      throw Failure(.noInput, "has no scores of this image", file: path, item: item.id)
    }
    do {
      let scores = try NumpyScores(contentsOf: file)
      let stride = try NumpyFolder.stride(of: scores.maps, width: width, height: height)
      let known = try indices(of: scores, classes: classes, item: item.id)
      let isDense = scores.channels == .all
      let allowed = item.labels.map { Set([0] + $0) }
      if !isDense, let allowed, let other = known.first(where: { !allowed.contains($0) }) {
        let found = classes.names[other]
        let names = allowed.sorted().map { classes.names[$0] }.joined(separator: " ")
        throw Failure(
          .data, expected: "maps of the image's classes (\(names))", found: "one of \(found); keys count from 0",
          item: item.id)
      }
      let taken = known.indices.filter { !isDense || allowed?.contains(known[$0]) ?? true }.sorted {
        known[$0] < known[$1]
      }
      let isWhole = taken.elementsEqual(0..<scores.maps.shape[0])
      let values = isWhole ? scores.maps : Tensor.stacked(taken.map { scores.maps.batch($0..<$0 + 1) })
      return (values, taken.map { known[$0] }, stride)
    } catch let failure as Failure { throw failure.of(file: file) }
  }

  /// The class index of each channel.
  private func indices(of scores: NumpyScores, classes: ClassTable, item: String) throws -> [Int] {
    let offset = content == .objectsOnly ? 1 : 0
    switch scores.channels {
    case .labels(let values): return try classes.indices(of: values, item: item)
    case .keys(let keys):
      guard let large = keys.first(where: { $0 + offset >= classes.count }) else { return keys.map { $0 + offset } }
      throw Failure(.data, expected: "keys below \(classes.count - offset)", found: "\(large)", item: item)
    case .all:
      let count = scores.maps.shape[0]
      guard count == classes.count - offset else {
        let what =
          offset == 0
          ? "the background and \(classes.objectCount) classes" : "\(classes.objectCount) classes without background"
        throw Failure(.data, expected: "maps of \(what)", found: "\(count) maps", item: item)
      }
      return Array(offset..<classes.count)
    }
  }

  /// The pixels that a cell of a map stands for: 1, or the first of 2, 4, 8, 16 and 32 by which the image's sides,
  /// divided and rounded up, are those of the map.
  static func stride(of maps: Tensor, width: Int, height: Int) throws -> Int {
    let (rows, columns) = (maps.shape[1], maps.shape[2])
    let strides = [1, 2, 4, 8, 16, 32]
    guard let stride = strides.first(where: { (height + $0 - 1) / $0 == rows && (width + $0 - 1) / $0 == columns })
    else {
      throw Failure(
        .data, expected: "maps of \(width)x\(height), or of that divided by 2 to 32", found: "\(columns)x\(rows)")
    }
    return stride
  }
}
