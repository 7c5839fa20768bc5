import Foundation
import Foundations

/// Compares the sizes of files with those of a list.
///
/// This is most of what a make with nothing to do spends: lists of a large data set have a hundred thousand lines.
/// So no
/// line becomes a string, and files are looked for from their folder.
struct FileSizes {
  let folder: String

  /// The first file of a list's text that is missing or has another size; nil where all is there.
  ///
  /// - Throws: `Failure(.data)` naming `file` for anything that `FileList` does not write.
  func defect(in list: [UInt8], file: String) throws -> String? {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return "\(folder) is missing" }
    defer { close(descriptor) }
    var name: [CChar] = []
    var status = stat()
    var start = (list.firstIndex(of: 10) ?? list.count - 1) + 1
    var line = 2
    while start < list.count {
      let end = list[start...].firstIndex(of: 10) ?? list.count
      guard let tab = list[start..<end].firstIndex(of: 9), let bytes = Self.number(list[(tab + 1)..<end]), tab > start,
        list[start] != UInt8(ascii: "/")
      else { throw Failure(.data, "is not a list of files: line \(line)", file: file) }
      name.removeAll(keepingCapacity: true)
      for byte in list[start..<tab] { name.append(CChar(bitPattern: byte)) }
      name.append(0)
      guard fstatat(descriptor, name, &status, 0) == 0 else {
        return "\(folder)/\(String(decoding: list[start..<tab], as: UTF8.self)) is missing"
      }
      if Int(status.st_size) != bytes {
        let path = "\(folder)/\(String(decoding: list[start..<tab], as: UTF8.self))"
        return "\(path) has \(status.st_size) bytes instead of \(bytes)"
      }
      start = end + 1
      line += 1
    }
    return nil
  }

  /// The whole number in front of a tab.
  private static func number(_ cell: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for (place, byte) in cell.enumerated() {
      if byte == 9 { return place > 0 ? value : nil }
      guard (48...57).contains(byte), place < 18 else { return nil }
      value = value * 10 + Int(byte - 48)
    }
    return nil
  }
}
