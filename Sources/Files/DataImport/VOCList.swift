import Datasets
import Foundation
import Foundations

/// A list of images, one line each: `ImageSets/Segmentation/train.txt` and its like.
struct VOCList {
  /// In the order of the file, each once.
  private(set) var ids: [String] = []
  /// Ids that the file has more than once, in the order in which they are repeated.
  private(set) var repeated: [String] = []

  /// A line is an id (`2007_000032`) or, as in the lists that go with PSA and DeepLab, a path of the image and one of
  /// the mask (`/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`), of which the first gives the id.
  /// Empty lines are passed over.
  ///
  /// - Throws: `Failure(.noInput)` for a missing file, `Failure(.data)` with the line where there is no id.
  init(contentsOf path: String) throws {
    let text = try InputFile.text(of: path, what: "list")
    var (seen, twice): (Set<String>, Set<String>) = ([], [])
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = line.split { $0 == " " || $0 == "\t" }
      guard let first = words.first else { continue }
      let item = "line \(number + 1)"
      guard words.count <= 2 else {
        throw Failure(
          .data, expected: "an id, or an image and a mask", found: "\(words.count) words", file: path, item: item)
      }
      if words.count == 2, !words[1].lowercased().hasSuffix(".png") {
        let isOfMain = ["-1", "0", "1"].contains(words[1])
        throw Failure(
          .data,
          expected: "an id, or an image and a mask (.png)",
          found: "\"\(words[0]) \(words[1])\""
            + (isOfMain ? "; lists in ImageSets/Main say which images show a class, not which belong to a set" : ""),
          file: path, item: item)
      }
      let id = Self.stem(first)
      if let problem = SafeName.problem(with: id) {
        throw Failure(.data, "the id \"\(id)\" \(problem)", file: path, item: item)
      }
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
