import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import Tensors
import Threads

/// Writes the pictures of single images: the photograph, each kind of masks, the truth, d maps, and where the choice
/// was won or lost.
package struct Pictures {
  /// Larger photographs are scaled down to about so many pixels, masks with them.
  static let maximumPixels = 640_000

  let measurement: Measurement
  /// The report's folder.
  let folder: String

  /// The folder of an image's pictures below the report's folder.
  static func folder(of id: String) -> String { "images/\(fileName(id))" }

  /// A text as the name of a file: letters, digits, `.`, `_`, `-` and `+` stay, the rest becomes `=XX` by bytes.
  package static func fileName(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
        String(UnicodeScalar(byte))
      default: String(format: "=%02X", byte)
      }
    }.joined()
  }

  /// The file of a column's masks within an image's folder: `psa.png`, `infer.masks-crf.png`.
  static func fileName(of column: MaskColumn) -> String {
    let step = fileName(column.step.split(separator: "/").joined(separator: "_"))
    return column.variant == "masks" ? "\(step).png" : "\(step).\(column.variant).png"
  }

  static let photograph = "photograph.jpg"
  static let truth = "truth.png"
  static let knowledgeDifference = "d-knowledge.png"
  static let adviceDifference = "d-advice.png"
  static let choice = "choice.png"

  /// What a viewer is told of a mask beside its colours: where classes lie.
  struct Region: Sendable {
    var name: String
    /// Share of the image.
    var share: Double
    /// A place inside the largest run of pixels, in per cent from left and top.
    var x: Double
    var y: Double
  }

  struct Made: Sendable {
    var width: Int
    var height: Int
    /// By file name.
    var regions: [String: [Region]]
  }

  /// Writes the pictures of `items`; what was made by id.
  func write(_ items: [DataSet.Item], columns: [MaskColumn], threads: Int) throws -> [String: Made] {
    let parts = try Parallel.results(items.count, threads: threads) { range in
      try items[range].map { item -> (String, Made) in
        do { return (item.id, try write(item, columns: columns)) } catch let failure as Failure {
          throw failure.of(item: item.id)
        }
      }
    }
    return Dictionary(parts.flatMap { $0 }, uniquingKeysWith: { first, _ in first })
  }

  private func write(_ item: DataSet.Item, columns: [MaskColumn]) throws -> Made {
    let image = try item.image()
    let place = "\(folder)/\(Self.folder(of: item.id))"
    let size = Self.size(width: image.width, height: image.height)
    let small =
      size == (image.width, image.height) ? image : image.resizedBicubic(width: size.width, height: size.height)
    try writeFile(try small.jpegBytes(quality: 88), to: "\(place)/\(Self.photograph)")
    var made = Made(width: size.width, height: size.height, regions: [:])
    func write(_ mask: LabelMask, as name: String) throws {
      let shown: LabelMask =
        size == (mask.width, mask.height) ? mask : mask.resizedNearest(width: size.width, height: size.height)
      let classes = measurement.manifest.classes
      let values = classes.values(ofIndices: shown)
      let bytes = try TransparentPNG.bytes(values, palette: classes.palette, transparent: classes.value(ofIndex: 0))
      try writeFile(bytes, to: "\(place)/\(name)")
      made.regions[name] = Self.regions(shown, names: classes.names)
    }
    for (column, record) in zip(measurement.columns, columns) {
      try write(
        try measurement.mask(of: item, column.source, width: image.width, height: image.height),
        as: Self.fileName(of: record))
    }
    let truth = measurement.hasTruth ? try measurement.truth(of: item) : nil
    if let truth { try write(truth, as: Self.truth) }
    if let merge = measurement.merges.first { try writeMerge(merge, item, truth, size, to: place) }
    return made
  }

  private func writeMerge(
    _ merge: RunLayout.Merge, _ item: DataSet.Item, _ truth: LabelMask?, _ size: (width: Int, height: Int),
    to place: String
  ) throws {
    let d = try measurement.differences(of: item, merge: merge.step.name)
    for (map, name) in [(d.knowledge, Self.knowledgeDifference), (d.advice, Self.adviceDifference)] {
      try writeFile(try Self.picture(of: map).pngBytes(palette: DifferenceScale.palette), to: "\(place)/\(name)")
    }
    guard let truth else { return }
    func mask(_ step: String) throws -> LabelMask {
      try measurement.mask(of: item, .init(step: step, variant: "masks"), width: truth.width, height: truth.height)
    }
    let choice = Self.choices(
      truth: truth, knowledge: try mask(merge.knowledge.name), advice: try mask(merge.advice.name),
      taken: try mask(merge.step.name))
    let shown: LabelMask =
      size == (choice.width, choice.height) ? choice : choice.resizedNearest(width: size.width, height: size.height)
    try writeFile(
      try TransparentPNG.bytes(shown, palette: Self.choicePalette, transparent: 0), to: "\(place)/\(Self.choice)")
  }

  /// The size that an image is shown at.
  package static func size(width: Int, height: Int) -> (width: Int, height: Int) {
    guard width * height > maximumPixels else { return (width, height) }
    let scale = (Double(maximumPixels) / Double(width * height)).squareRoot()
    return (max(1, Int((Double(width) * scale).rounded())), max(1, Int((Double(height) * scale).rounded())))
  }

  // MARK: Pixels

  /// Probabilities as 256 steps of the scale, at the size that they are stored at.
  static func picture(of map: Tensor) -> LabelMask {
    let labels = map.values.map { UInt8(min(max($0.isNaN ? 0 : $0, 0), 1) * 255 + 0.5) }
    return LabelMask(width: map.shape[1], height: map.shape[0], labels: labels)
  }

  /// 1 where the choice was won, 2 where it was lost, 3 where both masks are wrong; 0 where they are equal or the
  /// truth is void.
  static func choices(truth: LabelMask, knowledge: LabelMask, advice: LabelMask, taken: LabelMask) -> LabelMask {
    var result = LabelMask(width: truth.width, height: truth.height)
    for i in result.labels.indices {
      let (t, k, a) = (truth.labels[i], knowledge.labels[i], advice.labels[i])
      guard k != a, t != LabelMask.void, k != LabelMask.void, a != LabelMask.void else { continue }
      result.labels[i] = k != t && a != t ? 3 : taken.labels[i] == t ? 1 : 2
    }
    return result
  }

  /// Blue, orange and grey: told apart with any colour vision.
  static let choicePalette = Palette([RGB(0, 0, 0), RGB(0, 114, 178), RGB(230, 120, 0), RGB(150, 150, 150)])

  /// The classes of a mask with a place for their names: the middle of the longest run of pixels in a row.
  static func regions(_ mask: LabelMask, names: [String]) -> [Region] {
    var counts = [Int](repeating: 0, count: 256)
    var longest = [(length: Int, x: Int, y: Int)](repeating: (0, 0, 0), count: 256)
    for y in 0..<mask.height {
      var start = 0
      let row = y * mask.width
      for x in 1...mask.width where x == mask.width || mask.labels[row + x] != mask.labels[row + start] {
        let label = Int(mask.labels[row + start])
        counts[label] += x - start
        if x - start > longest[label].length { longest[label] = (x - start, (x + start) / 2, y) }
        start = x
      }
    }
    let area = Double(mask.width * mask.height)
    return (0..<256).filter { counts[$0] > 0 }.map { label in
      Region(
        name: label < names.count ? names[label] : "void", share: Double(counts[label]) / area,
        x: (Double(longest[label].x) + 0.5) / Double(mask.width) * 100,
        y: (Double(longest[label].y) + 0.5) / Double(mask.height) * 100)
    }
  }
}

/// The colours of d from 0 to 1: dark blue over green to yellow, ever lighter, so that it reads in grey too.
enum DifferenceScale {
  private static let anchors: [(Double, Double, Double)] = [
    (24, 20, 70), (38, 66, 120), (34, 112, 132), (40, 156, 122), (122, 194, 84), (250, 230, 50),
  ]

  static func colour(at share: Double) -> RGB {
    let place = min(max(share, 0), 1) * Double(anchors.count - 1)
    let (low, part) = (min(Int(place), anchors.count - 2), place - Double(min(Int(place), anchors.count - 2)))
    let (a, b) = (anchors[low], anchors[low + 1])
    func mixed(_ a: Double, _ b: Double) -> UInt8 { UInt8((a + (b - a) * part).rounded()) }
    return RGB(mixed(a.0, b.0), mixed(a.1, b.1), mixed(a.2, b.2))
  }

  static let palette = Palette((0..<256).map { colour(at: Double($0) / 255) })

  /// The scale with its numbers.
  static var svg: String {
    var text = SVG.opening(width: 260, height: 40, title: "colour scale of d, the probability that the masks differ")
    for step in 0..<50 {
      let c = colour(at: (Double(step) + 0.5) / 50)
      text +=
        "<rect x=\"\(5 + step * 5)\" y=\"2\" width=\"5.3\" height=\"16\" fill=\"rgb(\(c.red),\(c.green),\(c.blue))\"/>"
    }
    for (x, word, anchor) in [(5, "d = 0", "start"), (130, "0.5", "middle"), (255, "1", "end")] {
      text += "<text x=\"\(x)\" y=\"34\" text-anchor=\"\(anchor)\">\(word)</text>"
    }
    return text + "</svg>\n"
  }
}
