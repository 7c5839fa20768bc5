import Foundations

/// The classes of the scenes; index 0 is the background.
enum SceneClass: Int, CaseIterable, Sendable {
  case beetle = 1
  case fish, kite, lantern, mushroom

  var name: String { String(describing: self) }

  /// A random specimen. `pool` are the colours (dark, middle, light, accent) of its ambiguous parts.
  func blueprint(pool: [Colour], _ generator: inout SeededGenerator) -> Blueprint {
    switch self {
    case .beetle: Self.beetle(pool, &generator)
    case .fish: Self.fish(pool, &generator)
    case .kite: Self.kite(pool, &generator)
    case .lantern: Self.lantern(pool, &generator)
    case .mushroom: Self.mushroom(pool, &generator)
    }
  }

  /// A colour near `base`.
  private static func near(_ base: Colour, _ spread: Float, _ generator: inout SeededGenerator) -> Colour {
    var colour = base
    for channel in 0..<3 { colour[channel] = clamp(colour[channel] + generator.uniform(-spread...spread)) }
    return colour
  }

  /// Seen from above. Hallmark: the spotted shield behind the head, and the head.
  private static func beetle(_ pool: [Colour], _ generator: inout SeededGenerator) -> Blueprint {
    var blueprint = Blueprint(tilt: 1)
    let dark = Material(a: pool[0] * 0.5, b: pool[0] * 0.7, pattern: .mottled(frequency: 3))
    let width = generator.uniform(0.36...0.5)
    for side: Float in [-1, 1] {
      for (index, hip) in [Float(-0.42), -0.08, 0.26].enumerated() {
        let sweep = Float(index - 1) * 0.28 + generator.uniform(-0.1...0.1)
        let knee = Point(hip + sweep, side * (width + generator.uniform(0.12...0.24)))
        let foot = Point(
          knee.x + sweep * 0.8 + generator.uniform(-0.12...0.12), side * (width + generator.uniform(0.34...0.5)))
        blueprint.add(.bar(a: Point(hip, side * width * 0.6), b: knee, ra: 0.055, rb: 0.04), dark)
        blueprint.add(.bar(a: knee, b: foot, ra: 0.04, rb: 0.022), dark)
      }
      let tip = Point(generator.uniform(1.0...1.15), side * generator.uniform(0.3...0.5))
      blueprint.addThread([Point(0.74, side * 0.08), Point(0.9, side * 0.16), tip], 0.03, 0.02, dark)
    }
    let patterns: [Material.Pattern] = [
      .mottled(frequency: 2.5), .grain(frequency: 7, upright: false), .mottled(frequency: 5),
    ]
    let wing = Material(
      a: pool[1], b: mix(pool[0], pool[2], generator.unit()), pattern: patterns[generator.integer(0...2)], gloss: 0.35)
    blueprint.add(.ellipse(centre: Point(-0.24, 0), radii: Point(0.64, width)), wing)
    blueprint.add(.bar(a: Point(-0.86, 0), b: Point(0.3, 0), ra: 0.014, rb: 0.018), dark)
    let yellow = near(Colour(0.96, 0.8, 0.18), 0.07, &generator)
    let black = Colour(0.07, 0.06, 0.08)
    blueprint.add(
      .ellipse(centre: Point(0.36, 0), radii: Point(0.32, width * 0.92)),
      Material(a: yellow, b: black, pattern: .spots(frequency: 2.4, radius: 0.36), gloss: 0.3), hallmark: true)
    blueprint.add(
      .ellipse(centre: Point(0.7, 0), radii: Point(0.16, 0.22)),
      Material(
        a: near(Colour(0.82, 0.2, 0.1), 0.06, &generator), b: black,
        pattern: .stripes(count: 3, upright: true, share: 0.3), gloss: 0.3),
      hallmark: true)
    return blueprint
  }

  /// Seen from the side. Hallmark: the banded head with its eye.
  private static func fish(_ pool: [Colour], _ generator: inout SeededGenerator) -> Blueprint {
    var blueprint = Blueprint(tilt: 0.32)
    let height = generator.uniform(0.28...0.44)
    let fin = Material(
      a: mix(pool[1], pool[2], 0.5), b: pool[0],
      pattern: .stripes(count: 9, upright: generator.chance(0.5), share: 0.35))
    let spread = generator.uniform(0.26...0.42)
    blueprint.add(
      .polygon(
        [Point(-0.56, -0.06), Point(-1.02, -spread), Point(-0.88, 0), Point(-1.02, spread), Point(-0.56, 0.06)],
        centre: Point(-0.8, 0), scale: 0.3),
      fin)
    blueprint.add(
      .polygon(
        [
          Point(-0.4, -height * 0.6), Point(-0.26, -height - 0.22), Point(0.16, -height - 0.1),
          Point(0.24, -height * 0.7),
        ], centre: Point(0, -height),
        scale: 0.3),
      fin)
    blueprint.add(
      .polygon(
        [Point(-0.2, height * 0.7), Point(-0.3, height + 0.2), Point(0.1, height * 0.8)], centre: Point(-0.1, height),
        scale: 0.2), fin)
    let back = mix(pool[0], pool[1], generator.unit())
    let skin: Material.Pattern =
      generator.chance(0.6) ? .scales(frequency: generator.uniform(3.5...6)) : .mottled(frequency: 3)
    blueprint.add(
      .ellipse(centre: Point(0, 0), radii: Point(0.76, height)),
      Material(a: back, b: pool[2], pattern: skin, gloss: 0.3))
    let orange = near(Colour(0.95, 0.45, 0.1), 0.06, &generator)
    let start = generator.uniform(0.26...0.36)
    blueprint.add(
      .cutEllipse(
        centre: Point(0, 0), radii: Point(0.78, height * 1.02), origin: Point(start, 0), normal: Point(-1, 0)),
      Material(
        a: orange, b: Colour(0.96, 0.95, 0.9),
        pattern: .stripes(count: generator.uniform(8...10), upright: false, share: 0.36), gloss: 0.35),
      hallmark: true)
    let eye = Point(0.54, -height * 0.18)
    blueprint.add(
      .ellipse(centre: eye, radii: Point(0.1, 0.1)),
      Material(a: Colour(0.97, 0.96, 0.88), b: .one, pattern: .rings(count: 1)), hallmark: true)
    blueprint.add(
      .ellipse(centre: eye, radii: Point(0.055, 0.055)),
      Material(a: .zero, b: Colour(0.05, 0.05, 0.08), pattern: .rings(count: 1)), hallmark: true)
    let pectoral = [Point(0.2, 0.02), Point(-0.1, 0.12 + height * 0.2), Point(0.02, height * 0.62)]
    blueprint.add(.polygon(pectoral, centre: Point(0.05, 0.15), scale: 0.2), fin)
    return blueprint
  }

  /// A diamond with a tail. Hallmark: the target at the crossing of its spars.
  private static func kite(_ pool: [Colour], _ generator: inout SeededGenerator) -> Blueprint {
    var blueprint = Blueprint(tilt: 0.5)
    let half = generator.uniform(0.46...0.6)
    let thread = Material(a: pool[0] * 0.6, b: pool[0] * 0.8, pattern: .mottled(frequency: 2))
    var points = [Point(0, 0.42)]
    var side: Float = generator.chance(0.5) ? 1 : -1
    for index in 1...4 {
      points.append(Point(side * generator.uniform(0.06...0.2), 0.42 + Float(index) * 0.2))
      side = -side
    }
    blueprint.addThread(points, 0.026, 0.02, thread)
    let panels = [mix(pool[1], pool[2], generator.unit()), mix(pool[2], pool[3], generator.unit())]
    for point in points[1...] {
      let bow = Material(a: panels[0], b: panels[1], pattern: .quarters)
      let wing = generator.uniform(0.09...0.13)
      blueprint.add(
        .polygon([point, point + Point(wing, -0.07), point + Point(wing, 0.07)], centre: point, scale: 0.1), bow)
      blueprint.add(
        .polygon([point, point - Point(wing, -0.07), point - Point(wing, 0.07)], centre: point, scale: 0.1), bow)
    }
    let cross = Point(0, -0.4)
    let sail: Material.Pattern =
      generator.chance(0.6) ? .quarters : .grain(frequency: 5, upright: generator.chance(0.5))
    blueprint.add(
      .polygon(
        [Point(0, -0.98), Point(half, cross.y), Point(0, 0.46), Point(-half, cross.y)], centre: cross, scale: 0.6),
      Material(a: panels[0], b: panels[1], pattern: sail, gloss: 0.05))
    blueprint.add(.bar(a: Point(0, -0.97), b: Point(0, 0.45), ra: 0.016, rb: 0.016), thread)
    blueprint.add(.bar(a: Point(-half, cross.y), b: Point(half, cross.y), ra: 0.016, rb: 0.016), thread)
    blueprint.add(
      .ellipse(centre: cross, radii: Point(repeating: generator.uniform(0.3...0.36))),
      Material(
        a: near(Colour(0.1, 0.25, 0.75), 0.06, &generator), b: Colour(0.97, 0.96, 0.94),
        pattern: .rings(count: generator.uniform(2.4...2.9)), gloss: 0.05),
      hallmark: true)
    return blueprint
  }

  /// A hanging lantern. Hallmark: the lit window with its bars.
  private static func lantern(_ pool: [Colour], _ generator: inout SeededGenerator) -> Blueprint {
    var blueprint = Blueprint(tilt: 0.16)
    let wide = generator.uniform(0.4...0.56)
    let metal = Material(a: pool[0] * 0.75, b: pool[1], pattern: .grain(frequency: 6, upright: false), gloss: 0.3)
    blueprint.add(.ring(centre: Point(0, -0.82), radius: 0.17, thickness: 0.032), metal)
    for offset in [-0.1, 0, 0.1] as [Float] {
      blueprint.add(
        .bar(a: Point(offset * 0.6, 0.66), b: Point(offset, generator.uniform(0.9...1.04)), ra: 0.03, rb: 0.02),
        Material(a: pool[3], b: pool[1], pattern: .mottled(frequency: 4)))
    }
    let paper: Material.Pattern =
      generator.chance(0.5)
      ? .stripes(count: generator.uniform(6...10), upright: true, share: 0.16)
      : .grain(frequency: 8, upright: generator.chance(0.5))
    blueprint.add(
      .barrel(centre: Point(0, 0), radii: Point(wide, 0.58)),
      Material(a: mix(pool[1], pool[2], generator.unit()), b: pool[0], pattern: paper, gloss: 0.1))
    let top = wide * 0.72
    blueprint.add(
      .polygon(
        [Point(-top, -0.5), Point(top, -0.5), Point(top * 0.5, -0.7), Point(-top * 0.5, -0.7)], centre: Point(0, -0.6),
        scale: 0.3), metal)
    blueprint.add(
      .polygon(
        [Point(-top, 0.52), Point(top, 0.52), Point(top * 0.6, 0.68), Point(-top * 0.6, 0.68)], centre: Point(0, 0.6),
        scale: 0.3), metal)
    blueprint.add(
      .barrel(
        centre: Point(0, generator.uniform(-0.06...0.06)),
        radii: Point(wide * generator.uniform(0.54...0.64), generator.uniform(0.26...0.32))),
      Material(
        a: near(Colour(0.98, 0.55, 0.12), 0.05, &generator), b: Colour(1.02, 0.95, 0.6),
        pattern: .glow(bars: generator.chance(0.5) ? 3 : 2), gloss: 0,
        emission: 0.85),
      hallmark: true)
    return blueprint
  }

  /// Hallmark: the spotted cap. The stem, its collar and its bulb are the larger part.
  private static func mushroom(_ pool: [Colour], _ generator: inout SeededGenerator) -> Blueprint {
    var blueprint = Blueprint(tilt: 0.24)
    let lean = generator.uniform(-0.16...0.16)
    let thick = generator.uniform(0.2...0.3)
    let flesh = Material(
      a: mix(pool[1], pool[2], generator.uniform(0.3...1)), b: pool[1], pattern: .grain(frequency: 8, upright: false),
      gloss: 0.05)
    blueprint.add(
      .ellipse(centre: Point(0, 0.78), radii: Point(thick * 1.5, 0.2)),
      Material(a: pool[0], b: pool[1], pattern: .mottled(frequency: 3)))
    blueprint.add(.bar(a: Point(0, 0.76), b: Point(lean, -0.32), ra: thick * 1.15, rb: thick * 0.8), flesh)
    let collar = Point(lean * 0.6, generator.uniform(-0.02...0.16))
    blueprint.add(
      .cutEllipse(centre: collar, radii: Point(thick * 1.55, 0.2), origin: collar, normal: Point(0, -1)),
      Material(a: pool[2], b: pool[1], pattern: .stripes(count: 8, upright: false, share: 0.3)))
    let reach = generator.uniform(0.5...0.64)
    let rim = Point(lean, -0.36)
    blueprint.add(
      .ellipse(centre: rim, radii: Point(reach * 0.94, 0.13)),
      Material(a: pool[0], b: pool[1], pattern: .stripes(count: 14, upright: false, share: 0.4)))
    let red = near(generator.chance(0.7) ? Colour(0.8, 0.1, 0.12) : Colour(0.66, 0.08, 0.36), 0.06, &generator)
    blueprint.add(
      .cutEllipse(
        centre: rim, radii: Point(reach, generator.uniform(0.44...0.58)), origin: rim + Point(0, 0.03),
        normal: Point(0, 1)),
      Material(a: red, b: Colour(0.97, 0.95, 0.9), pattern: .spots(frequency: 2.6, radius: 0.33), gloss: 0.3),
      hallmark: true)
    return blueprint
  }
}
