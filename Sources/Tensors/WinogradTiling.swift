import CKernels

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

  /// The tiles of a convolution.
  init(_ g: ConvolutionGeometry, _ transform: WinogradTransform) {
    self.init(
      transform, batch: g.batch, height: g.height, width: g.width, padding: g.parameters.padding, mode: g.parameters.paddingMode,
      dilation: g.parameters.dilation)
  }

  /// The upstream of a convolution's tiles: the same strips, read without padding.
  init(upstreamOf g: ConvolutionGeometry, _ transform: WinogradTransform) {
    self.init(transform, batch: g.batch, height: g.outHeight, width: g.outWidth, padding: 0, mode: .zero, dilation: g.parameters.dilation)
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

  /// Neighbouring tiles of every phase of a strip, few enough for their lines to stay in the first-level cache.
  struct Slice {
    let strip: Strip
    /// Of each phase.
    let tilesPerPhase: Range<Int>

    var tiles: Int { tilesPerPhase.count * strip.phases }
    /// Place of the first tile in the block.
    var start: Int { strip.start + tilesPerPhase.lowerBound * strip.phases }
  }

  /// Runs `body` for the slices of `strips`.
  @inline(__always)
  func overSlices(_ strips: ArraySlice<Strip>, _ body: (Slice) -> Void) {
    for strip in strips {
      let parts = (strip.tilesPerPhase + mostTilesPerPhase - 1) / mostTilesPerPhase
      for part in 0..<parts { body(Slice(strip: strip, tilesPerPhase: Parallel.share(part, of: parts, count: strip.tilesPerPhase))) }
    }
  }

  private var mostTilesPerPhase: Int { max(1, 48 / (transform.outputs * dilation)) }

  /// Pixels of a slice's line, at most.
  var linePixels: Int { dilation * (transform.outputs * mostTilesPerPhase + 2) + dilation }

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
  enum Source {
    case filtered, upstream

    /// Lengths of a tile.
    func size(_ transform: WinogradTransform) -> Int { self == .filtered ? transform.inputs : transform.outputs }
  }

  /// Pixels that the tiles of `slice` read of a row.
  @inline(__always)
  func pixels(_ slice: Slice, _ kind: Source) -> Int {
    dilation * (transform.outputs * (slice.tilesPerPhase.count - 1) + kind.size(transform) - 1) + slice.strip.phases
  }

  /// Writes the rows that the tiles of `slice` read, in vectors of sixteen channels: pixel x of row r is at `lines[r * stride + 16 x]`.
  ///
  /// - Parameters:
  ///   - planes: of the first of `lanes` channels, `height` x `width` each.
  func gather(
    _ planes: UnsafePointer<Float>, lanes: Int, _ slice: Slice, _ kind: Source, into lines: UnsafeMutablePointer<Float>, stride: Int,
    _ instructions: InstructionSet
  ) {
    let (size, count, area) = (kind.size(transform), pixels(slice, kind), height * width)
    let column = slice.strip.column + dilation * transform.outputs * slice.tilesPerPhase.lowerBound - padding
    // The x with 0 <= column + x < width.
    let first = min(count, max(0, -column))
    let last = max(first, min(count, width - column))
    for r in 0..<size {
      let line = lines + r * stride
      guard let row = source(slice.strip.row + r * dilation, height) else {
        line.update(repeating: 0, count: count * Panels.lanes)
        continue
      }
      let start = planes + row * width
      prefetch(start + size * dilation * width + column, lanes: lanes, count: count)
      for x in 0..<first { gatherEdge(start, column + x, lanes: lanes, into: line + x * Panels.lanes) }
      instructions.interleave(start + column + first, stride: area, lanes: lanes, into: line + first * Panels.lanes, count: last - first)
      for x in last..<count { gatherEdge(start, column + x, lanes: lanes, into: line + x * Panels.lanes) }
    }
  }

  /// A row that the next strip reads: without asking for it here a third of the time is waiting for memory.
  @inline(__always)
  private func prefetch(_ row: UnsafePointer<Float>, lanes: Int, count: Int) {
    for lane in 0..<lanes {
      let row = row + lane &* height &* width
      for x in Swift.stride(from: 0, to: count, by: 16) { ckernels_prefetch(row + x) }
    }
  }

  /// All lanes of a pixel beyond the row's ends.
  private func gatherEdge(_ row: UnsafePointer<Float>, _ column: Int, lanes: Int, into target: UnsafeMutablePointer<Float>) {
    let inside = source(column + padding, width)
    for lane in 0..<Panels.lanes {
      target[lane] = inside.map { lane < lanes ? row[lane * height * width + $0] : 0 } ?? 0
    }
  }

  // MARK: Writing

  /// Puts the outputs of the tiles of `slice`, output x of row r at `lines[r * stride + 16 x]`, into the planes of `lanes` channels, with sixteen biases
  /// and, with `relu`, negative sums replaced by 0; those beyond the output's edge are dropped.
  func scatter(
    _ lines: UnsafePointer<Float>, stride: Int, _ slice: Slice, bias: UnsafePointer<Float>, relu: Bool, into planes: UnsafeMutablePointer<Float>,
    lanes: Int, _ instructions: InstructionSet
  ) {
    let strip = slice.strip
    let start = dilation * transform.outputs * slice.tilesPerPhase.lowerBound
    let length = min(outWidth - strip.column - start, dilation * transform.outputs * slice.tilesPerPhase.count)
    // Whole lines where the strip has every phase, else runs of those that it has.
    let (run, step) = strip.phases == dilation ? (length, length) : (strip.phases, dilation)
    for r in 0..<transform.outputs {
      let row = strip.row + r * dilation
      if row >= outHeight { break }
      for x in Swift.stride(from: 0, to: length, by: step) {
        instructions.deinterleave(
          lines + r * stride + x * Panels.lanes, count: min(run, length - x), bias: bias, relu: relu,
          into: planes + row * outWidth + strip.column + start + x, stride: outHeight * outWidth, lanes: lanes)
      }
    }
  }

  /// The transpose of `gather` for a slice of one tile a phase: adds what the tiles have for the pixels that they read.
  func scatterAdding(_ lines: UnsafePointer<Float>, stride: Int, _ slice: Slice, into planes: UnsafeMutablePointer<Float>, lanes: Int) {
    let column = slice.strip.column + dilation * transform.outputs * slice.tilesPerPhase.lowerBound
    for r in 0..<transform.inputs {
      guard let row = source(slice.strip.row + r * dilation, height) else { continue }
      for lane in 0..<lanes {
        let (target, line) = (planes + (lane * height + row) * width, lines + r * stride + lane)
        for e in 0..<transform.inputs {
          addRun(line + e * dilation * Panels.lanes, slice.strip.phases, column: column + e * dilation, into: target)
        }
      }
    }
  }

  /// Adds `count` elements, sixteen floats apart, to the row's pixels from the padded column `column` on.
  @inline(__always)
  private func addRun(_ source: UnsafePointer<Float>, _ count: Int, column: Int, into row: UnsafeMutablePointer<Float>) {
    let start = column - padding
    if start >= 0 && start + count <= width {
      for x in 0..<count { row[start &+ x] += source[x &* Panels.lanes] }
    } else {
      for x in 0..<count {
        if let position = self.source(column + x, width) { row[position] += source[x &* Panels.lanes] }
      }
    }
  }
}
