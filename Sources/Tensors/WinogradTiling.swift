import CIntrinsics

/// How a 3x3 convolution of stride 1 is cut into tiles of 4x4 or 5x5 outputs.
///
/// With dilation d the outputs (i, j) of equal i mod d and j mod d, a phase, read only inputs of one phase of the padded source: d * d
/// undilated convolutions of interleaved pixels. A strip is a row of tiles of all column phases that have equally many: the tiles of neighbouring
/// phases follow each other, as do their pixels, so that a strip is read and written in runs. Strips follow each other in a fixed order and
/// blocks of whole strips are what is worked on at a time.
struct WinogradTiling {
  let transform: WinogradTransform
  /// What the tiles read: planes of `height` x `width`, `padding` wide borders of zeros or mirrored pixels.
  let height, width, padding: Int
  let mode: ConvolutionParameters.PaddingMode
  let dilation: Int
  /// Lengths of the output: source + 2 padding - 2 dilation.
  let outHeight, outWidth: Int
  let batch: Int

  /// A row of tiles.
  struct Strip {
    let sample: Int
    /// Output row and column of the first tile's first output.
    let row, column: Int
    /// Tile t of phase p is number t * phases + p.
    let phases, tilesPerPhase: Int
    /// Place of the first tile in the block.
    let start: Int

    var tiles: Int { phases * tilesPerPhase }
  }

  /// Consecutive strips.
  struct Block {
    var strips: [Strip] = []
    var tiles = 0
  }

  init(
    _ transform: WinogradTransform, batch: Int, height: Int, width: Int, padding: Int, mode: ConvolutionParameters.PaddingMode, dilation: Int
  ) {
    self.transform = transform
    (self.batch, self.height, self.width, self.padding, self.mode, self.dilation) = (batch, height, width, padding, mode, dilation)
    outHeight = height + 2 * padding - 2 * dilation
    outWidth = width + 2 * padding - 2 * dilation
  }

  /// Number of outputs of the phase `phase` along an axis of `length` outputs.
  @inline(__always)
  func phaseLength(_ phase: Int, of length: Int) -> Int { (length - phase + dilation - 1) / dilation }

  /// Tiles of the phase `phase` along an axis of `length` outputs.
  private func tiles(ofPhase phase: Int, along length: Int) -> Int {
    (phaseLength(phase, of: length) + transform.outputs - 1) / transform.outputs
  }

  /// Tiles along an axis of `length` outputs, all phases.
  private func tiles(along length: Int) -> Int {
    (0..<min(dilation, length)).reduce(0) { $0 + tiles(ofPhase: $1, along: length) }
  }

  /// Tiles of the whole batch.
  var tileCount: Int { batch * tiles(along: outHeight) * tiles(along: outWidth) }

  /// Neighbouring column phases with equally many tiles.
  private struct PhaseGroup {
    let phases: Range<Int>
    let tilesPerPhase: Int
  }

  /// Lengths of phases differ by one at most, so there are one or two.
  private var columnGroups: [PhaseGroup] {
    var groups: [PhaseGroup] = []
    for phase in 0..<min(dilation, outWidth) {
      let tiles = tiles(ofPhase: phase, along: outWidth)
      let first = groups.last?.tilesPerPhase == tiles ? groups.removeLast().phases.lowerBound : phase
      groups.append(PhaseGroup(phases: first..<phase + 1, tilesPerPhase: tiles))
    }
    return groups
  }

  /// All strips in blocks of about equal size, at most `most` tiles or one strip.
  func blocks(most: Int) -> [Block] {
    let total = tileCount
    let parts = (total + most - 1) / most
    let fair = (total + parts - 1) / parts
    var blocks: [Block] = []
    var block = Block()
    func add(sample: Int, row: Int, _ group: PhaseGroup) {
      let tiles = group.phases.count * group.tilesPerPhase
      if block.tiles > 0 && (block.tiles + tiles > most || block.tiles >= fair) {
        blocks.append(block)
        block = Block()
      }
      let column = group.phases.lowerBound
      block.strips.append(
        Strip(
          sample: sample, row: row, column: column, phases: group.phases.count, tilesPerPhase: group.tilesPerPhase, start: block.tiles))
      block.tiles += tiles
    }
    let groups = columnGroups
    for sample in 0..<batch {
      for phase in 0..<min(dilation, outHeight) {
        for row in stride(from: phase, to: outHeight, by: transform.outputs * dilation) {
          for group in groups { add(sample: sample, row: row, group) }
        }
      }
    }
    if block.tiles > 0 { blocks.append(block) }
    return blocks
  }

  /// Floats of one line of a strip, with its last tiles beyond the edge and room for whole vectors.
  var lineCount: Int { outWidth + 2 * transform.inputs * dilation + 48 }

  /// The source coordinate of a padded one; nil where there is a zero or nothing.
  @inline(__always)
  private func source(_ padded: Int, _ length: Int) -> Int? {
    let position = padded - padding
    if position >= 0 && position < length { return position }
    guard mode == .reflect, position < length + padding else { return nil }
    return position < 0 ? -position : 2 * (length - 1) - position
  }

  // MARK: Reading

  /// What a tile is read from: overlapping tiles of what is filtered, or tiles of its upstream that lie side by side.
  enum Source { case filtered, upstream }

  /// Writes element (r, e) of every tile of `strips` to `target[(r * size + e) * stride + tile - origin]`, `size` being the transform's
  /// inputs or outputs. Writes up to seven elements beyond the last tile. `line` holds `lineCount` floats.
  func gather(
    _ plane: UnsafePointer<Float>, _ strips: ArraySlice<Strip>, _ kind: Source, into target: UnsafeMutablePointer<Float>, stride: Int,
    line: UnsafeMutablePointer<Float>
  ) {
    let (size, step) = (kind == .filtered ? transform.inputs : transform.outputs, transform.outputs)
    let origin = strips.first?.start ?? 0
    for strip in strips {
      for r in 0..<size {
        let target = target + r * size * stride + strip.start - origin
        if let row = source(strip.row + r * dilation, height) {
          prefetchRow(plane + (row + size * dilation) * width)
          let count = dilation * (step * (strip.tilesPerPhase - 1) + size - 1) + strip.phases
          gatherLine(plane + row * width, column: strip.column, count: count, into: line)
          if dilation == 1 && transform == .four {
            deinterleave(line, tiles: strip.tiles, size: size, into: target, stride: stride)
          } else {
            for e in 0..<size {
              for t in 0..<strip.tilesPerPhase {
                moveRun(line + dilation &* (step &* t &+ e), target + (e &* stride &+ t &* strip.phases), strip.phases)
              }
            }
          }
        } else {
          for e in 0..<size { clear(target + e * stride, strip.tiles) }
        }
      }
    }
  }

  /// A row that the next strip, or the next channel, reads: without asking for it here a third of the time is waiting for memory.
  @inline(__always)
  private func prefetchRow(_ row: UnsafePointer<Float>) {
    var x = 0
    while x < width {
      cintrinsics_prefetch(row + x)
      x &+= 16
    }
  }

  /// line[x] = padded row [column + x].
  @inline(__always)
  private func gatherLine(_ row: UnsafePointer<Float>, column: Int, count: Int, into line: UnsafeMutablePointer<Float>) {
    let offset = column - padding
    // The x with 0 <= offset + x < width.
    let first = min(count, max(0, -offset))
    let last = max(first, min(count, width - offset))
    for x in 0..<first { line[x] = edge(row, column + x) }
    copyRow(row + offset + first, line + first, last - first)
    for x in last..<count { line[x] = edge(row, column + x) }
  }

  /// `count` neighbours, and up to seven elements beyond them.
  @inline(__always)
  private func moveRun(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    if count <= 4 {
      UnsafeMutableRawPointer(target).storeBytes(of: UnsafeRawPointer(source).loadUnaligned(as: SIMD4<Float>.self), as: SIMD4<Float>.self)
    } else {
      var i = 0
      while i < count {
        storeEight(loadEight(source + i), target + i)
        i &+= 8
      }
    }
  }

  @inline(__always)
  private func edge(_ row: UnsafePointer<Float>, _ padded: Int) -> Float { source(padded, width).map { row[$0] } ?? 0 }

  /// target[e * stride + t] = line[4 t + e] for e < size, 4 or 6.
  @inline(__always)
  private func deinterleave(_ line: UnsafePointer<Float>, tiles: Int, size: Int, into target: UnsafeMutablePointer<Float>, stride: Int) {
    var t = 0
    while t < tiles {
      let quads = loadThirtyTwo(line + 4 &* t)
      let (even, odd) = (quads.evenHalf, quads.oddHalf)
      storeEight(even.evenHalf, target + t)
      storeEight(odd.evenHalf, target + (stride &+ t))
      storeEight(even.oddHalf, target + (2 &* stride &+ t))
      storeEight(odd.oddHalf, target + (3 &* stride &+ t))
      if size == 6 {
        let next = loadThirtyTwo(line + (4 &* t &+ 4))
        storeEight(next.evenHalf.evenHalf, target + (4 &* stride &+ t))
        storeEight(next.oddHalf.evenHalf, target + (5 &* stride &+ t))
      }
      t &+= 8
    }
  }

  @inline(__always)
  private func clear(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
    var t = 0
    while t < count {
      storeEight(.zero, target + t)
      t &+= 8
    }
  }

  // MARK: Writing

  /// How outputs enter their plane.
  enum Sink {
    /// target = max(0, output + bias), the maximum only with `relu`.
    case store(bias: Float, relu: Bool)
    /// target += output, where an output beyond a border of `fold` outputs belongs to the pixel that it mirrors: the transpose of reflected
    /// padding.
    case fold(Int)
  }

  /// Puts the outputs `source[(r * m + q) * stride + tile - origin]` of `strips`, tiles of m x m, into a plane; those beyond the output's edge are dropped.
  func scatter(
    _ source: UnsafePointer<Float>, stride: Int, _ strips: ArraySlice<Strip>, _ sink: Sink, into plane: UnsafeMutablePointer<Float>,
    line: UnsafeMutablePointer<Float>
  ) {
    let (origin, size) = (strips.first?.start ?? 0, transform.outputs)
    for strip in strips {
      for r in 0..<size {
        let row = strip.row + r * dilation
        if row >= outHeight { break }
        let source = source + size * r * stride + strip.start - origin
        if dilation == 1 && transform == .four {
          interleave(source, stride: stride, tiles: strip.tiles, into: line)
        } else {
          // In the order of the line, so that what is written beyond a run is overwritten by the next one.
          for t in 0..<strip.tilesPerPhase {
            for q in 0..<size { moveRun(source + q * stride + t * strip.phases, line + dilation * (size * t + q), strip.phases) }
          }
        }
        store(line, row: row, strip, sink, into: plane)
      }
    }
  }

  /// Puts a line of outputs into its row of the plane: all of it where it has every phase, else in runs of those that it has.
  @inline(__always)
  private func store(
    _ line: UnsafePointer<Float>, row: Int, _ strip: Strip, _ sink: Sink, into plane: UnsafeMutablePointer<Float>
  ) {
    let length = outWidth - strip.column
    let (run, step) = strip.phases == dilation ? (length, length) : (strip.phases, dilation)
    for start in Swift.stride(from: 0, to: length, by: step) {
      let count = min(run, length - start)
      switch sink {
      case .store(let bias, let relu):
        storeLine(line + start, count, bias: bias, relu: relu, into: plane + row * outWidth + strip.column + start)
      case .fold(let border):
        let (rows, columns) = (outHeight - 2 * border, outWidth - 2 * border)
        let target = plane + mirrored(row - border, rows) * columns
        for x in start..<start + count { target[mirrored(strip.column + x - border, columns)] += line[x] }
      }
    }
  }

  @inline(__always)
  private func mirrored(_ position: Int, _ length: Int) -> Int {
    position < 0 ? -position : position < length ? position : 2 * (length - 1) - position
  }

  @inline(__always)
  private func interleave(_ source: UnsafePointer<Float>, stride: Int, tiles: Int, into line: UnsafeMutablePointer<Float>) {
    var t = 0
    while t < tiles {
      var (even, odd) = (SIMD16<Float>(), SIMD16<Float>())
      even.evenHalf = loadEight(source + t)
      odd.evenHalf = loadEight(source + (stride &+ t))
      even.oddHalf = loadEight(source + (2 &* stride &+ t))
      odd.oddHalf = loadEight(source + (3 &* stride &+ t))
      var quads = SIMD32<Float>()
      quads.evenHalf = even
      quads.oddHalf = odd
      UnsafeMutableRawPointer(line + 4 &* t).storeBytes(of: quads, as: SIMD32<Float>.self)
      t &+= 8
    }
  }

  @inline(__always)
  private func storeLine(
    _ line: UnsafePointer<Float>, _ count: Int, bias: Float, relu: Bool, into target: UnsafeMutablePointer<Float>
  ) {
    if relu {
      for x in 0..<count { target[x] = line[x] + bias < 0 ? 0 : line[x] + bias }
    } else {
      for x in 0..<count { target[x] = line[x] + bias }
    }
  }
}

/// 32 floats from any address.
@inline(__always)
private func loadThirtyTwo(_ source: UnsafePointer<Float>) -> SIMD32<Float> {
  UnsafeRawPointer(source).loadUnaligned(as: SIMD32<Float>.self)
}
