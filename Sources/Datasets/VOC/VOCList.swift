import Foundation
import Foundations

/// A list of images, a line each: `ImageSets/Segmentation/train.txt` and its like.
struct VOCList {
  /// In the order of the file, each once.
  private(set) var ids: [String] = []
  /// Ids that the file has more than once, in the order in which they are repeated.
  private(set) var repeated: [String] = []

  /// A line is an id (`2007_000032`) or, as in the lists that go with PSA and DeepLab, a path of the image and one of the mask
  /// (`/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`), of which the first gives the id. Empty lines are passed over.
  ///
  /// - Throws: `Failure(.noInput)` for a missing file, `Failure(.data)` with the line where there is no id.
  init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else { throw Failure(.noInput, "no such list, or it cannot be read", file: path) }
    guard let text = String(data: data, encoding: .utf8) else { throw Failure(.data, "not UTF-8 text", file: path) }
    var (seen, twice): (Set<String>, Set<String>) = ([], [])
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = line.split { $0 == " " || $0 == "\t" }
      guard let first = words.first else { continue }
      let item = "line \(number + 1)"
      guard words.count <= 2 else { throw Failure(.data, expected: "an id, or an image and a mask", found: "\(words.count) words", file: path, item: item) }
      let id = Self.stem(first)
      if let problem = SafeName.problem(with: id) { throw Failure(.data, "the id \"\(id)\" \(problem)", file: path, item: item) }
      if seen.insert(id).inserted {
        ids.append(id)
      } else if twice.insert(id).inserted {
        repeated.append(id)
      }
    }
    if ids.isEmpty { throw Failure(.data, "the list is empty", file: path) }
  }

  /// `/JPEGImages/a.jpg` -> `a`; an id without a folder keeps its dots, except before the suffix of an image.
  private static func stem(_ word: Substring) -> String {
    let name = word.split(separator: "/").last.map(String.init) ?? ""
    for suffix in [".jpg", ".jpeg", ".png"] where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
    return name
  }
}
