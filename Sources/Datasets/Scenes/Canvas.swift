import Foundations

/// Where the light comes from.
struct Light: Sendable {
  /// Unit vector to the light; z towards the viewer.
  let x: Float
  let y: Float
  let z: Float

  init(_ generator: inout SeededGenerator) {
    let (x, y, z) = (generator.uniform(-0.7...0.7), generator.uniform(-0.9...(-0.2)), generator.uniform(0.6...1.2))
    let length = (x * x + y * y + z * z).squareRoot()
    (self.x, self.y, self.z) = (x / length, y / length, z / length)
  }

  /// The colour of a surface that leans as `lean` says (in image directions), with ambient light, and a highlight of strength `gloss`.
  func shade(_ colour: Colour, lean: Point, gloss: Float, emission: Float) -> Colour {
    let up = (max(0, 1 - lean.x * lean.x - lean.y * lean.y)).squareRoot()
    let facing = max(0, lean.x * x + lean.y * y + up * z)
    // Towards the viewer is (0, 0, 1); half-way between it and the light, not normalised, is good enough for a highlight.
    let half = (x * x + y * y + (z + 1) * (z + 1)).squareRoot()
    var shine = max(0, (lean.x * x + lean.y * y + up * (z + 1)) / half)
    for _ in 0..<5 { shine *= shine }
    let lit = colour * (0.42 + 0.68 * facing) + Colour(repeating: gloss * shine)
    return mix(lit, colour, emission)
  }
}

/// An object at its place, sampled four times a pixel.
struct Stamp: Sendable {
  /// The box of pixels that it may touch; may reach beyond the picture.
  let left: Int
  let top: Int
  let width: Int
  let height: Int
  /// Share of each pixel that it covers.
  private(set) var cover: [Float]
  private(set) var colours: [Colour]
  /// Share of each pixel that its hallmark covers.
  private(set) var hallmark: [Float]

  /// Where and how an object stands. Lengths are in image heights.
  struct Pose: Sendable {
    var centre: Point
    /// Length of one unit of the blueprint.
    var size: Float
    var rotation: Rotation
    var isMirrored: Bool
    /// Shear growing with the distance from the middle: a bent stem, a turning fish.
    var bend: Float
  }

  /// - Parameter unit: pixels to one image height.
  init(_ blueprint: Blueprint, _ pose: Pose, light: Light, noise: Noise, unit: Float) {
    var (low, high) = (Point(repeating: 9), Point(repeating: -9))
    let bounds = blueprint.parts.map(\.shape.bounds)
    for box in bounds {
      for corner in [box.low, Point(box.low.x, box.high.y), Point(box.high.x, box.low.y), box.high] {
        var p = corner
        p.x += pose.bend * p.y * p.y
        if pose.isMirrored { p.x = -p.x }
        p = pose.rotation.apply(p)
        low = pointwiseMin(low, p)
        high = pointwiseMax(high, p)
      }
    }
    let margin = Point(repeating: 0.04 + abs(pose.bend))
    let scale = pose.size * unit
    let (first, last) = (pose.centre * unit + (low - margin) * scale, pose.centre * unit + (high + margin) * scale)
    left = Int(first.x.rounded(.down))
    top = Int(first.y.rounded(.down))
    width = max(1, Int(last.x.rounded(.up)) - left)
    height = max(1, Int(last.y.rounded(.up)) - top)
    cover = [Float](repeating: 0, count: width * height)
    colours = [Colour](repeating: .zero, count: width * height)
    hallmark = cover
    for y in 0..<height {
      for x in 0..<width {
        var (sum, count, marked): (Colour, Float, Float) = (.zero, 0, 0)
        for sample in 0..<4 {
          let offset = Point(sample & 1 == 0 ? 0.25 : 0.75, sample < 2 ? 0.25 : 0.75)
          let pixel = Point(Float(left + x), Float(top + y)) + offset
          let q = Self.toBlueprint((pixel - pose.centre * unit) / scale, pose)
          guard let (part, hit) = Self.find(q, blueprint, bounds) else { continue }
          var lean = hit.lean
          if pose.isMirrored { lean.x = -lean.x }
          let material = part.material
          sum += light.shade(
            material.colour(hit.local, noise), lean: pose.rotation.apply(lean), gloss: material.gloss, emission: material.emission)
          count += 1
          if part.isHallmark { marked += 0.25 }
        }
        guard count > 0 else { continue }
        cover[y * width + x] = count * 0.25
        colours[y * width + x] = sum / count
        hallmark[y * width + x] = marked
      }
    }
  }

  private static func toBlueprint(_ p: Point, _ pose: Pose) -> Point {
    var q = pose.rotation.undo(p)
    if pose.isMirrored { q.x = -q.x }
    q.x -= pose.bend * q.y * q.y
    return q
  }

  /// The frontmost part at a point.
  private static func find(_ q: Point, _ blueprint: Blueprint, _ bounds: [(low: Point, high: Point)]) -> (Blueprint.Part, Hit)? {
    for index in stride(from: blueprint.parts.count - 1, through: 0, by: -1) {
      let box = bounds[index]
      if q.x < box.low.x || q.y < box.low.y || q.x > box.high.x || q.y > box.high.y { continue }
      if let hit = blueprint.parts[index].shape.hit(q) { return (blueprint.parts[index], hit) }
    }
    return nil
  }
}

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
      for x in 0..<width { values[row + x] = 0.25 * (line[max(x - 1, 0)] + line[min(x + 1, width - 1)]) + 0.5 * line[x] }
    }
    for x in 0..<width {
      for y in 0..<height { line[y] = values[y * width + x] }
      for y in 0..<height { values[y * width + x] = 0.25 * (line[max(y - 1, 0)] + line[min(y + 1, height - 1)]) + 0.5 * line[y] }
    }
  }

  private static func soften(_ values: inout [Colour], _ width: Int, _ height: Int) {
    var line = [Colour](repeating: .zero, count: max(width, height))
    for y in 0..<height {
      let row = y * width
      for x in 0..<width { line[x] = values[row + x] }
      for x in 0..<width { values[row + x] = 0.25 * (line[max(x - 1, 0)] + line[min(x + 1, width - 1)]) + 0.5 * line[x] }
    }
    for x in 0..<width {
      for y in 0..<height { line[y] = values[y * width + x] }
      for y in 0..<height { values[y * width + x] = 0.25 * (line[max(y - 1, 0)] + line[min(y + 1, height - 1)]) + 0.5 * line[y] }
    }
  }

  /// The labels with void contours: where two neighbours differ in class or object, the pixel of the one behind is void. So a thin part stays whole.
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
