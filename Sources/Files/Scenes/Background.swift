import Foundations

/// A textured background, drawn once and then a function of the place.
struct Background: Sendable {
  enum Kind: Int, CaseIterable, Sendable {
    case blades, pebbles, planks, ripples, weave, clouds, litter, bricks, hills
  }

  let kind: Kind
  /// Dark, middle, light, accent.
  let colours: [Colour]
  /// How far it lies out of focus, in 1/120 of the image's height.
  let blur: Float
  private let noise: Noise
  private let detail: Noise
  private let rotation: Rotation
  private let scale: Float
  private let gradient: Point

  init(_ generator: inout SeededGenerator) {
    kind = Kind.allCases[generator.integer(0...Kind.allCases.count - 1)]
    colours = PaletteFamily.draw(&generator).drawColours(&generator)
    noise = Noise(generator.next())
    detail = Noise(generator.next())
    rotation = Rotation(halfTangent: generator.uniform(-0.3...0.3))
    scale = generator.uniform(0.75...1.4)
    gradient = Point(generator.uniform(-0.2...0.2), generator.uniform(-0.3...0.3))
    blur = generator.chance(0.45) ? generator.uniform(0.6...2.4) : 0
  }

  /// The colour at a point: x in 0...aspect, y in 0...1 from the top.
  func colour(_ p: Point) -> Colour {
    let q = rotation.apply(p) * scale
    let light = 1 + gradient.x * (p.x - 0.7) + gradient.y * (p.y - 0.5)
    return texture(q, p) * light
  }

  private func texture(_ q: Point, _ p: Point) -> Colour {
    switch kind {
    case .blades: blades(q)
    case .pebbles: pebbles(q)
    case .planks: planks(q)
    case .ripples: ripples(q)
    case .weave: weave(q)
    case .clouds: clouds(q, p)
    case .litter: litter(q)
    case .bricks: bricks(q)
    case .hills: hills(q, p)
    }
  }

  private func ramp(_ t: Float) -> Colour {
    t < 0.5 ? mix(colours[0], colours[1], clamp(2 * t)) : mix(colours[1], colours[2], clamp(2 * t - 1))
  }

  private func blades(_ q: Point) -> Colour {
    let bend = noise.value(q.x * 4, q.y * 4) * 0.12
    let streak = noise.fractal((q.x + bend) * 34, q.y * 5, octaves: 3)
    let patch = detail.fractal(q.x * 3, q.y * 3, octaves: 3)
    let colour = ramp(step(0.2, 0.85, streak) * 0.85 + 0.1)
    return mix(colour, colours[3] * (0.6 + 0.6 * streak), step(0.55, 0.75, patch) * 0.6)
  }

  private func pebbles(_ q: Point) -> Colour {
    let cell = noise.cell(q.x * 9, q.y * 9)
    let edge = step(0.02, 0.22, cell.second - cell.near)
    let tone = Float(cell.id >> 24) / 255
    let stone = mix(ramp(tone), colours[3], Float(cell.id >> 16 & 255) / 255 * 0.5)
    let grain = 0.85 + 0.3 * detail.fractal(q.x * 40, q.y * 40, octaves: 2)
    let dome = 1.12 - 0.45 * cell.near
    return mix(colours[0] * 0.55, stone * dome * grain, edge)
  }

  private func planks(_ q: Point) -> Colour {
    let row = (q.y * 5.5).rounded(.down)
    let v = q.y * 5.5 - row
    let tone = noise.unit(Int32(row), 77)
    let warp = noise.fractal(q.x * 1.5 + row * 9, q.y * 3, octaves: 2)
    let rings = wave(q.y * 7 + warp * 4 + row * 0.37)
    let fibre = detail.fractal(q.x * 5 + row * 31, q.y * 70, octaves: 3)
    let colour = ramp(0.25 + 0.35 * tone + 0.22 * rings + 0.35 * (fibre - 0.5))
    let joint = (q.x * 0.8 + tone * 3 - (q.x * 0.8 + tone * 3).rounded(.down)) < 0.012
    return colour * (v < 0.05 || joint ? 0.45 : 1)
  }

  private func ripples(_ q: Point) -> Colour {
    let warp = noise.fractal(q.x * 3, q.y * 6, octaves: 3)
    let band = wave(q.y * 9 + warp * 3.2)
    let glint = detail.fractal(q.x * 10, q.y * 34, octaves: 3)
    let colour = ramp(0.15 + 0.45 * band + 0.5 * (glint - 0.4))
    return mix(colour, colours[2] * 1.15, step(0.68, 0.8, glint) * band)
  }

  private func weave(_ q: Point) -> Colour {
    let (x, y) = (q.x * 7, q.y * 7)
    let (ix, iy) = (x.rounded(.down), y.rounded(.down))
    let stripeX = noise.unit(Int32(ix), 1) < 0.45
    let stripeY = noise.unit(1, Int32(iy)) < 0.45
    let base = stripeX && stripeY ? colours[0] : (stripeX || stripeY ? mix(colours[1], colours[3], 0.5) : colours[2])
    let threads = 0.82 + 0.18 * wave(q.x * 62) + 0.14 * wave(q.y * 62)
    let fold = 0.75 + 0.5 * detail.fractal(q.x * 1.6, q.y * 1.6, octaves: 2)
    return base * threads * fold
  }

  private func clouds(_ q: Point, _ p: Point) -> Colour {
    let sky = mix(colours[1], colours[2], clamp(p.y))
    let warp = detail.value(q.x * 2, q.y * 2)
    let puff = noise.fractal(q.x * 2.4 + warp, q.y * 4.2 + warp, octaves: 5)
    let lit = noise.fractal(q.x * 2.4 + warp, q.y * 4.2 + warp + 0.12, octaves: 4)
    let cloud = mix(colours[2] * 1.12, colours[0] * 0.7 + colours[2] * 0.4, step(0.35, 0.75, lit))
    return mix(sky, cloud, step(0.46, 0.66, puff))
  }

  private func litter(_ q: Point) -> Colour {
    let warp = Point(noise.value(q.x * 5, q.y * 5), noise.value(q.x * 5 + 9, q.y * 5)) * 0.12
    let leaf = detail.cell((q.x + warp.x) * 6, (q.y + warp.y) * 10)
    let tone = Float(leaf.id >> 24) / 255
    let vein = wave((q.x + q.y * (tone - 0.5) * 4) * 30) * 0.12
    let rim = step(0.0, 0.16, leaf.second - leaf.near)
    let base = leaf.id & 7 < 2 ? colours[3] : ramp(tone)
    return base * (0.4 + 0.6 * rim) * (0.9 + vein) * (0.75 + 0.5 * noise.fractal(q.x * 20, q.y * 20, octaves: 2))
  }

  private func bricks(_ q: Point) -> Colour {
    let row = (q.y * 9).rounded(.down)
    let x = q.x * 4 + (Int(row) % 2 == 0 ? 0 : 0.5)
    let column = x.rounded(.down)
    let (u, v) = (x - column, q.y * 9 - row)
    let rough = detail.fractal(q.x * 24, q.y * 24, octaves: 3)
    let mortar = u < 0.05 || v < 0.1
    let tone = noise.unit(Int32(column), Int32(row))
    let brick = mix(ramp(0.2 + 0.6 * tone), colours[3], noise.unit(Int32(column), Int32(row) &+ 999) * 0.35)
    return (mortar ? mix(colours[2], colours[0], 0.35) : brick) * (0.7 + 0.6 * rough)
  }

  /// Layers of ground that fade towards a sky: the picture's lower part is textured, the upper is smooth.
  private func hills(_ q: Point, _ p: Point) -> Colour {
    var colour = mix(mix(colours[2], Colour(0.75, 0.82, 0.9), 0.5), colours[2], clamp(p.y * 1.6))
    for layer in 0..<3 {
      let ridge =
        0.28 + Float(layer) * 0.2 + (noise.fractal(q.x * (2 + Float(layer)) + Float(layer) * 13, 3, octaves: 4) - 0.5)
        * 0.3
      if p.y > ridge {
        let texture = detail.fractal(q.x * (10 + Float(layer) * 6), q.y * (16 + Float(layer) * 10), octaves: 4)
        let haze = Float(2 - layer) * 0.28
        colour = mix(mix(ramp(texture), colours[3], 0.25 * Float(layer)), colour, haze)
      }
    }
    return colour
  }
}
