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

  /// The colour of a surface that leans as `lean` says (in image directions), with ambient light, and a highlight of
  /// strength `gloss`.
  func shade(_ colour: Colour, lean: Point, gloss: Float, emission: Float) -> Colour {
    let up = (max(0, 1 - lean.x * lean.x - lean.y * lean.y)).squareRoot()
    let facing = max(0, lean.x * x + lean.y * y + up * z)
    // Towards the viewer is (0, 0, 1); half-way between it and the light, not normalised, is good enough for a
    // highlight.
    let half = (x * x + y * y + (z + 1) * (z + 1)).squareRoot()
    var shine = max(0, (lean.x * x + lean.y * y + up * (z + 1)) / half)
    for _ in 0..<5 { shine *= shine }
    let lit = colour * (0.42 + 0.68 * facing) + Colour(repeating: gloss * shine)
    return mix(lit, colour, emission)
  }
}

/// An object at its place, sampled four times per pixel.
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
    let bounds = blueprint.parts.map(\.shape.bounds)
    let (low, high) = Self.extent(bounds, pose)
    let scale = pose.size * unit
    let (first, last) = (pose.centre * unit + low * scale, pose.centre * unit + high * scale)
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
          sum += Self.colour(part.material, hit, pose, light, noise)
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

  /// The corners of a box around all parts after bending, mirroring and turning, in units of the blueprint from the
  /// centre.
  private static func extent(_ bounds: [(low: Point, high: Point)], _ pose: Pose) -> (low: Point, high: Point) {
    var (low, high) = (Point(repeating: 9), Point(repeating: -9))
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
    return (low - margin, high + margin)
  }

  private static func colour(_ material: Material, _ hit: Hit, _ pose: Pose, _ light: Light, _ noise: Noise) -> Colour {
    var lean = hit.lean
    if pose.isMirrored { lean.x = -lean.x }
    let colour = material.colour(hit.local, noise)
    return light.shade(colour, lean: pose.rotation.apply(lean), gloss: material.gloss, emission: material.emission)
  }

  private static func toBlueprint(_ p: Point, _ pose: Pose) -> Point {
    var q = pose.rotation.undo(p)
    if pose.isMirrored { q.x = -q.x }
    q.x -= pose.bend * q.y * q.y
    return q
  }

  /// The frontmost part at a point.
  private static func find(_ q: Point, _ blueprint: Blueprint, _ bounds: [(low: Point, high: Point)]) -> (
    Blueprint.Part, Hit
  )? {
    for index in stride(from: blueprint.parts.count - 1, through: 0, by: -1) {
      let box = bounds[index]
      if q.x < box.low.x || q.y < box.low.y || q.x > box.high.x || q.y > box.high.y { continue }
      if let hit = blueprint.parts[index].shape.hit(q) { return (blueprint.parts[index], hit) }
    }
    return nil
  }
}
