/// A point of the plane, y downwards.
typealias Point = SIMD2<Float>

/// A turn of the plane with cosine and sine made without either: from t = tan(angle / 2), exactly a rotation up to
/// rounding.
struct Rotation: Sendable {
  let c: Float
  let s: Float

  /// `t` in -1...1 gives -90...90 degrees.
  init(halfTangent t: Float) {
    let d = 1 + t * t
    c = (1 - t * t) / d
    s = 2 * t / d
  }

  /// The turn that follows `other` by this one.
  init(c: Float, s: Float) {
    self.c = c
    self.s = s
  }

  static let none = Rotation(c: 1, s: 0)

  @inline(__always)
  func apply(_ p: Point) -> Point { Point(c * p.x - s * p.y, s * p.x + c * p.y) }

  @inline(__always)
  func undo(_ p: Point) -> Point { Point(c * p.x + s * p.y, c * p.y - s * p.x) }
}

/// What a shape says of a point inside it.
struct Hit {
  /// Coordinates within the shape, about -1...1.
  var local: Point
  /// Direction in which the surface leans, length 0 (facing the viewer) to 1 (edge).
  var lean: Point
}

/// The outline of a part of an object, in the object's coordinates.
enum Shape2D: Sendable {
  case ellipse(centre: Point, radii: Point, rotation: Rotation = .none)
  /// An ellipse of which only the side where `normal . (p - origin) <= 0` remains.
  case cutEllipse(centre: Point, radii: Point, origin: Point, normal: Point)
  /// A bar from `a` to `b` whose half-width goes from `ra` to `rb`.
  case bar(a: Point, b: Point, ra: Float, rb: Float)
  /// A flat polygon. `centre` and `scale` only serve local coordinates.
  case polygon([Point], centre: Point, scale: Float)
  /// A box with bulging sides: |x|^4 + |y|^4 <= 1.
  case barrel(centre: Point, radii: Point)
  case ring(centre: Point, radius: Float, thickness: Float)

  /// Smallest box around the shape.
  var bounds: (low: Point, high: Point) {
    switch self {
    case .ellipse(let centre, let radii, let rotation):
      let reach = rotation.c == 1 ? radii : Point(repeating: radii.max())
      return (centre - reach, centre + reach)
    case .cutEllipse(let centre, let radii, _, _), .barrel(let centre, let radii):
      return (centre - radii, centre + radii)
    case .bar(let a, let b, let ra, let rb):
      let r = Point(repeating: max(ra, rb))
      return (pointwiseMin(a, b) - r, pointwiseMax(a, b) + r)
    case .polygon(let points, _, _):
      return (points.reduce(points[0]) { pointwiseMin($0, $1) }, points.reduce(points[0]) { pointwiseMax($0, $1) })
    case .ring(let centre, let radius, let thickness):
      let r = Point(repeating: radius + thickness)
      return (centre - r, centre + r)
    }
  }

  /// nil outside.
  func hit(_ p: Point) -> Hit? {
    switch self {
    case .ellipse(let centre, let radii, let rotation):
      let q = rotation.undo(p - centre) / radii
      if q.x * q.x + q.y * q.y > 1 { return nil }
      return Hit(local: q, lean: rotation.apply(q))
    case .cutEllipse(let centre, let radii, let origin, let normal):
      let d = p - origin
      if d.x * normal.x + d.y * normal.y > 0 { return nil }
      let q = (p - centre) / radii
      return q.x * q.x + q.y * q.y > 1 ? nil : Hit(local: q, lean: q)
    case .bar(let a, let b, let ra, let rb): return Self.hitBar(p, a, b, ra, rb)
    case .polygon(let points, let centre, let scale):
      return Self.contains(points, p) ? Hit(local: (p - centre) / scale, lean: (p - centre) / scale * 0.35) : nil
    case .barrel(let centre, let radii):
      let q = (p - centre) / radii
      let s = q * q
      return s.x * s.x + s.y * s.y > 1 ? nil : Hit(local: q, lean: Point(q.x, 0.4 * q.y) * 0.9)
    case .ring(let centre, let radius, let thickness):
      let d = p - centre
      let r = (d.x * d.x + d.y * d.y).squareRoot()
      let offset = (r - radius) / thickness
      if offset < -1 || offset > 1 { return nil }
      return Hit(local: d / radius, lean: d / max(r, 1e-6) * offset)
    }
  }

  private static func hitBar(_ p: Point, _ a: Point, _ b: Point, _ ra: Float, _ rb: Float) -> Hit? {
    let (axis, d) = (b - a, p - a)
    let length = axis.x * axis.x + axis.y * axis.y
    let t = clamp((d.x * axis.x + d.y * axis.y) / max(length, 1e-9))
    let radius = mix(ra, rb, t)
    let across = d - axis * t
    let distance = across.x * across.x + across.y * across.y
    if distance > radius * radius { return nil }
    let lean = across / radius
    // Signed distance from the axis, in half-widths.
    let side: Float = axis.x * d.y - axis.y * d.x < 0 ? -1 : 1
    return Hit(local: Point(2 * t - 1, side * (distance.squareRoot() / radius)), lean: lean)
  }

  private static func contains(_ points: [Point], _ p: Point) -> Bool {
    var inside = false
    var previous = points[points.count - 1]
    for point in points {
      if (point.y > p.y) != (previous.y > p.y) {
        let x = (previous.x - point.x) * (p.y - point.y) / (previous.y - point.y) + point.x
        if p.x < x { inside.toggle() }
      }
      previous = point
    }
    return inside
  }
}
