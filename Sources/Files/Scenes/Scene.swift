import Foundations
import Imaging
import LabelMasks

/// One made picture with its truth.
public struct Scene: Sendable, Equatable {
  public let image: RGBImage
  /// Class indices; 255 on the contours, one pixel wide.
  public let mask: LabelMask
  /// The classes that the mask shows, ascending.
  public let labels: [Int]
}

/// How a scene is composed: everything is drawn from one generator, in a fixed order.
struct SceneComposer {
  private var generator: SeededGenerator
  /// Draws the background, apart from what stands on it, so that two scenes can share one.
  private var backgroundGenerator: SeededGenerator
  private let width: Int
  private let height: Int
  private let unit: Float
  private let aspect: Float
  private let light: Light
  private let isCloseUp: Bool

  init(
    generator: SeededGenerator, background: SeededGenerator, width: Int, height: Int, isCloseUp: Bool = false
  ) {
    self.generator = generator
    backgroundGenerator = background
    self.width = width
    self.height = height
    self.isCloseUp = isCloseUp
    unit = Float(height)
    aspect = Float(width) / Float(height)
    light = Light(&self.generator)
  }

  /// One object of the layout.
  private struct Actor {
    var kind: SceneClass
    var stamp: Stamp
    /// Position from back to front.
    var depth: Float
  }

  /// - Parameter first: a class that must be there, so that classes are balanced over a data set; nil for a scene
  ///   without objects.
  mutating func compose(first: SceneClass?) -> Scene {
    let background = Background(&backgroundGenerator)
    var ground = paint(background)
    for _ in 0..<generator.integer(0...5) { addClutter(to: &ground, background.colours) }
    let cast = first.map { drawCast(first: $0) } ?? []
    let passes = Int((background.blur * unit / 120).rounded())
    ground.blur(passes: passes)
    var canvas = ground
    for attempt in 0..<16 {
      canvas = ground
      if stage(cast, on: &canvas, background.colours, crowding: Float(attempt) / 16) { break }
    }
    if generator.chance(0.22) { addForeground(to: &canvas, background.colours) }
    let labels = canvas.labelsWithContours()
    let image = develop(&canvas)
    let mask = LabelMask(width: width, height: height, labels: labels)
    return Scene(image: image, mask: mask, labels: mask.presentLabels.filter { $0 != 0 && $0 != 255 }.map(Int.init))
  }

  private func paint(_ background: Background) -> Canvas {
    var canvas = Canvas(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        canvas.colours[y * width + x] = background.colour(Point((Float(x) + 0.5) / unit, (Float(y) + 0.5) / unit))
      }
    }
    return canvas
  }

  /// Classes and whether each specimen is small, back to front undecided.
  private mutating func drawCast(first: SceneClass) -> [(kind: SceneClass, isSmall: Bool)] {
    if isCloseUp { return [(first, false)] }
    let dice = generator.unit()
    let classCount = dice < 0.45 ? 1 : (dice < 0.87 ? 2 : 3)
    var others = SceneClass.allCases.filter { $0 != first }
    generator.shuffle(&others)
    var cast: [(kind: SceneClass, isSmall: Bool)] = []
    for kind in [first] + others.prefix(classCount - 1) {
      // A class is seldom there as a small object alone, often as a small one beside a large one.
      let isSmall = generator.chance(0.06) && kind != first
      cast.append((kind, isSmall))
      if generator.chance(0.3) { cast.append((kind, generator.chance(0.7))) }
    }
    return cast
  }

  /// Places the cast on the canvas; false where something is hidden too much. `crowding` shrinks objects a little to
  /// let them fit.
  private mutating func stage(
    _ cast: [(kind: SceneClass, isSmall: Bool)], on canvas: inout Canvas, _ colours: [Colour], crowding: Float
  ) -> Bool {
    var actors: [Actor] = []
    for member in cast {
      let large =
        cast.count > 2 ? Float(0.22)...0.3 : (isCloseUp ? 0.42...0.6 : cast.count == 1 ? 0.27...0.42 : 0.25...0.36)
      let size = generator.uniform(member.isSmall ? 0.085...0.13 : large) * (1 - 0.3 * crowding)
      // The ambiguous parts often have the very colours of this background.
      let pool = generator.chance(0.5) ? colours : PaletteFamily.draw(&generator).drawColours(&generator)
      let blueprint = member.kind.blueprint(pool: pool, &generator)
      let inset = min(size * 0.75, 0.3)
      let pose = Stamp.Pose(
        centre: Point(generator.uniform(inset...(aspect - inset)), generator.uniform(inset...(1 - inset))), size: size,
        rotation: turn(blueprint.tilt), isMirrored: generator.chance(0.5), bend: generator.uniform(-0.14...0.14))
      let stamp = Stamp(blueprint, pose, light: light, noise: Noise(generator.next()), unit: unit)
      actors.append(Actor(kind: member.kind, stamp: stamp, depth: pose.centre.y + (member.isSmall ? 0 : 0.1)))
    }
    actors.sort { $0.depth < $1.depth }
    let (strength, softness) = (generator.uniform(0.2...0.55), generator.integer(1...4))
    let reach = generator.uniform(0.03...0.09)
    var numbers: [Int32] = []
    for actor in actors {
      let distance = reach * unit * 1.6
      canvas.castShadow(
        of: actor.stamp, dx: Int((-light.x * distance).rounded()), dy: Int((-light.y * distance).rounded()),
        softness: softness, strength: strength)
      numbers.append(canvas.put(actor.stamp, label: UInt8(actor.kind.rawValue)))
    }
    return zip(actors, numbers).allSatisfy { isVisible($0.stamp, number: $1, on: canvas) }
  }

  /// A direction: anything for a tilt of 1, else near upright.
  private mutating func turn(_ tilt: Float) -> Rotation {
    let rotation = Rotation(halfTangent: generator.uniform(-tilt...tilt))
    let isReversed = generator.chance(0.5)
    return tilt == 1 && isReversed ? Rotation(c: -rotation.c, s: -rotation.s) : rotation
  }

  /// Enough of the whole and of the hallmark to be seen in the end.
  private func isVisible(_ stamp: Stamp, number: Int32, on canvas: Canvas) -> Bool {
    let total = stamp.cover.reduce(0, +)
    let marked = stamp.hallmark.reduce(0, +)
    var (seen, seenMarked): (Float, Float) = (0, 0)
    for i in canvas.owners.indices where canvas.owners[i] == number {
      seen += 1
      if canvas.hallmarks[i] { seenMarked += 1 }
    }
    return seen >= 0.5 * total && seenMarked >= 0.65 * marked
  }

  /// A stone, a leaf, a stick or a board: things of no class.
  private mutating func addClutter(to canvas: inout Canvas, _ colours: [Colour]) {
    let pool = generator.chance(0.4) ? colours : PaletteFamily.draw(&generator).drawColours(&generator)
    var blueprint = Blueprint(tilt: 1)
    let material = Material(
      a: pool[1], b: pool[generator.chance(0.5) ? 2 : 0], pattern: .mottled(frequency: generator.uniform(1.5...5)))
    switch generator.integer(0...4) {
    case 0: blueprint.add(.ellipse(centre: .zero, radii: Point(0.8, generator.uniform(0.45...0.75))), material)
    case 1:
      blueprint.add(
        .ellipse(centre: .zero, radii: Point(0.8, 0.36)),
        Material(a: pool[3], b: pool[1], pattern: .grain(frequency: 5, upright: true)))
      blueprint.add(
        .bar(a: Point(-1.1, 0), b: Point(0.75, 0), ra: 0.05, rb: 0.03),
        Material(a: pool[0], b: pool[0], pattern: .mottled(frequency: 2)))
    case 2:
      let grain = Material(a: pool[0], b: pool[1], pattern: .grain(frequency: 6, upright: false))
      blueprint.addThread([Point(-1.5, 0.1), Point(-0.3, -0.06), Point(1.4, 0.12)], 0.09, 0.05, grain)
      blueprint.add(.bar(a: Point(-0.2, -0.04), b: Point(0.5, -0.5), ra: 0.05, rb: 0.03), grain)
    case 3:
      blueprint.add(
        .barrel(centre: .zero, radii: Point(0.9, 0.6)),
        Material(a: pool[1], b: pool[2], pattern: .stripes(count: 6, upright: generator.chance(0.5), share: 0.4)))
    default:
      let points = [Point(-0.7, -0.4), Point(0.2, -0.7), Point(0.9, 0), Point(0.4, 0.6), Point(-0.6, 0.5)]
      blueprint.add(.polygon(points, centre: .zero, scale: 0.8), material)
    }
    let pose = Stamp.Pose(
      centre: Point(generator.uniform(0...aspect), generator.uniform(0...1)), size: generator.uniform(0.06...0.2),
      rotation: turn(1), isMirrored: false,
      bend: generator.uniform(-0.2...0.2))
    let stamp = Stamp(blueprint, pose, light: light, noise: Noise(generator.next()), unit: unit)
    let distance = 0.03 * unit
    canvas.castShadow(
      of: stamp, dx: Int((-light.x * distance).rounded()), dy: Int((-light.y * distance).rounded()), softness: 2,
      strength: 0.35)
    canvas.put(stamp, label: 0)
  }

  /// Blades in front of everything: background again, across objects.
  private mutating func addForeground(to canvas: inout Canvas, _ colours: [Colour]) {
    let pool = generator.chance(0.5) ? colours : PaletteFamily.draw(&generator).drawColours(&generator)
    let base = generator.uniform(0.1...(aspect - 0.1))
    for _ in 0..<generator.integer(2...5) {
      var blueprint = Blueprint(tilt: 1)
      let height = generator.uniform(0.5...1.4)
      let sway = generator.uniform(-0.5...0.5)
      let points = [Point(0, 1), Point(sway * 0.3, 1 - height * 0.55), Point(sway, 1 - height)]
      blueprint.addThread(
        points, 0.06, 0.012,
        Material(a: pool[1], b: pool[generator.integer(0...2)], pattern: .grain(frequency: 3, upright: false)))
      let pose = Stamp.Pose(
        centre: Point(base + generator.uniform(-0.2...0.2), 0.78), size: 0.3, rotation: .none,
        isMirrored: generator.chance(0.5), bend: 0)
      canvas.put(Stamp(blueprint, pose, light: light, noise: Noise(generator.next()), unit: unit), label: 0)
    }
  }

  /// From the canvas to a photograph: lens, light and sensor.
  private mutating func develop(_ canvas: inout Canvas) -> RGBImage {
    let sharp = canvas.colours
    canvas.blur(passes: 1)
    let softness = generator.uniform(0.1...0.7)
    let exposure = generator.uniform(0.8...1.25)
    let warmth = generator.uniform(-0.1...0.1)
    let balance = Colour(1 + warmth, 1 + generator.uniform(-0.02...0.02), 1 - warmth) * exposure
    let haze = generator.chance(0.25) ? generator.uniform(0.05...0.22) : 0
    let veil = Colour(0.78, 0.8, 0.84)
    let vignette = generator.uniform(0...0.35)
    let grain = generator.uniform(0.005...0.02)
    let slope = Point(generator.uniform(-0.25...0.25), generator.uniform(-0.25...0.25))
    let noise = Noise(generator.next())
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        let i = y * width + x
        let p = Point((Float(x) + 0.5) / unit - 0.5 * aspect, (Float(y) + 0.5) / unit - 0.5)
        let falloff = (1 - vignette * (p.x * p.x + p.y * p.y)) * (1 + slope.x * p.x + slope.y * p.y)
        var colour = mix(mix(sharp[i], canvas.colours[i], softness), veil, haze) * balance * falloff
        let luma = clamp(0.3 * colour.x + 0.6 * colour.y + 0.1 * colour.z)
        // A sum of four bytes: near normal, mean 0, deviation about 1.
        let amount = grain * (0.45 + luma.squareRoot())
        for channel in 0..<3 {
          let h = noise.hash(Int32(i), Int32(channel))
          let bytes = (h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24)
          colour[channel] += (Float(bytes) - 510) / 148 * amount
          pixels[3 * i + channel] = UInt8((clamp(colour[channel]) * 255).rounded())
        }
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
