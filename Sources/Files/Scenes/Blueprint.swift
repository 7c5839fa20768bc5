/// An object as a list of parts, back to front, in its own coordinates: about -1...1 along each axis, y downwards.
///
/// Every class has a hallmark, a part that no other class has, on a minority of its area. The rest takes its colours
/// from the pool that backgrounds use: a classifier can tell the class from the hallmark alone, so its activation maps
/// tend to stay there, while the mask is the whole object.
struct Blueprint: Sendable {
  struct Part: Sendable {
    var shape: Shape2D
    var material: Material
    var isHallmark = false
  }

  var parts: [Part] = []
  /// Largest tilt from upright, as the tangent of half the angle; 1 for any direction.
  var tilt: Float

  mutating func add(_ shape: Shape2D, _ material: Material, hallmark: Bool = false) {
    parts.append(Part(shape: shape, material: material, isHallmark: hallmark))
  }

  /// Adds a chain of bars through `points`, its half-width going from `start` to `end`.
  mutating func addThread(_ points: [Point], _ start: Float, _ end: Float, _ material: Material) {
    let count = Float(points.count - 1)
    for i in 0..<points.count - 1 {
      add(
        .bar(
          a: points[i], b: points[i + 1], ra: mix(start, end, Float(i) / count),
          rb: mix(start, end, Float(i + 1) / count)), material)
    }
  }
}
