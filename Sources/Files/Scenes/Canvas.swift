/// The picture in the making, with who owns each pixel.
struct Canvas {
  let width: Int
  let height: Int
  var colours: [Colour]
  /// Class index a pixel.
  private(set) var labels: [UInt8]
  /// Number of the stamp on top, in the order of stamping from 1; 0 for the background.
  private(set) var owners: [Int32]
  /// Of the hallmark of the stamp on top.
  private(set) var hallmarks: [Bool]
  private var stampCount: Int32 = 0

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    colours = [Colour](repeating: .zero, count: width * height)
    labels = [UInt8](repeating: 0, count: width * height)
    owners = [Int32](repeating: 0, count: width * height)
    hallmarks = [Bool](repeating: false, count: width * height)
  }

  /// Where the stamp, moved by (dx, dy), meets the canvas: pixels of the canvas with those of the stamp.
  private func overlap(_ stamp: Stamp, movedBy dx: Int = 0, _ dy: Int = 0) -> [(pixel: Int, source: Int)] {
    let (left, top) = (max(0, stamp.left + dx), max(0, stamp.top + dy))
    let (right, bottom) = (min(width, stamp.left + dx + stamp.width), min(height, stamp.top + dy + stamp.height))
    guard left < right, top < bottom else { return [] }
    var pairs: [(pixel: Int, source: Int)] = []
    pairs.reserveCapacity((right - left) * (bottom - top))
    for y in top..<bottom {
      for x in left..<right { pairs.append((y * width + x, (y - dy - stamp.top) * stamp.width + x - dx - stamp.left)) }
    }
    return pairs
  }

  /// Puts a stamp on top; returns its number. `label` 0 makes it part of the background.
  @discardableResult
  mutating func put(_ stamp: Stamp, label: UInt8) -> Int32 {
    stampCount += 1
    for (pixel, source) in overlap(stamp) {
      let cover = stamp.cover[source]
      if cover == 0 { continue }
      colours[pixel] = mix(colours[pixel], stamp.colours[source], cover)
      if cover >= 0.5 {
        labels[pixel] = label
        owners[pixel] = stampCount
        hallmarks[pixel] = stamp.hallmark[source] >= 0.5 * cover
      }
    }
    return stampCount
  }

  /// Darkens what lies under the shadow that `stamp` casts, moved by (dx, dy) pixels and softened.
  mutating func castShadow(of stamp: Stamp, dx: Int, dy: Int, softness: Int, strength: Float) {
    var shadow = [Float](repeating: 0, count: width * height)
    for (pixel, source) in overlap(stamp, movedBy: dx, dy) { shadow[pixel] = stamp.cover[source] }
    for _ in 0..<softness { Self.soften(&shadow, width, height) }
    for i in colours.indices where shadow[i] > 0 { colours[i] *= 1 - strength * shadow[i] }
  }

  /// One pass of the filter 1 2 1 in both directions, edges repeated.
  mutating func blur(passes: Int) {
    for _ in 0..<passes { Self.soften(&colours, width, height) }
  }

  private static func soften(_ values: inout [Float], _ width: Int, _ height: Int) {
    var line = [Float](repeating: 0, count: max(width, height))
    for y in 0..<height {
      let row = y * width
      for x in 0..<width { line[x] = values[row + x] }
      for x in 0..<width {
        values[row + x] = 0.25 * (line[max(x - 1, 0)] + line[min(x + 1, width - 1)]) + 0.5 * line[x]
      }
    }
    for x in 0..<width {
      for y in 0..<height { line[y] = values[y * width + x] }
      for y in 0..<height {
        values[y * width + x] = 0.25 * (line[max(y - 1, 0)] + line[min(y + 1, height - 1)]) + 0.5 * line[y]
      }
    }
  }

  private static func soften(_ values: inout [Colour], _ width: Int, _ height: Int) {
    var line = [Colour](repeating: .zero, count: max(width, height))
    for y in 0..<height {
      let row = y * width
      for x in 0..<width { line[x] = values[row + x] }
      for x in 0..<width {
        values[row + x] = 0.25 * (line[max(x - 1, 0)] + line[min(x + 1, width - 1)]) + 0.5 * line[x]
      }
    }
    for x in 0..<width {
      for y in 0..<height { line[y] = values[y * width + x] }
      for y in 0..<height {
        values[y * width + x] = 0.25 * (line[max(y - 1, 0)] + line[min(y + 1, height - 1)]) + 0.5 * line[y]
      }
    }
  }

  /// The labels with void contours: where two neighbours differ in class or object, the pixel of the one behind is
  /// void. So a thin part stays whole.
  func labelsWithContours() -> [UInt8] {
    var result = labels
    for y in 0..<height {
      for x in 0..<width {
        let pixel = y * width + x
        func isBehind(_ other: Int) -> Bool {
          owners[other] > owners[pixel] && (labels[other] != labels[pixel] || labels[pixel] != 0)
        }
        let isContour =
          (x > 0 && isBehind(pixel - 1)) || (x + 1 < width && isBehind(pixel + 1)) || (y > 0 && isBehind(pixel - width))
          || (y + 1 < height && isBehind(pixel + width))
        if isContour { result[pixel] = 255 }
      }
    }
    return result
  }
}
