import Tensors
import Threads

/// How a 3x3 convolution of stride 1 is cut into tiles of m x m outputs (4x4 or 5x5), and in which order the tiles
/// are worked on.
///
/// Dilation: outputs (i, j) with the same i mod d and j mod d read only inputs of one such class. A convolution of
/// dilation d is d * d undilated convolutions whose pixels are interleaved, its phases. With d = 2, a row of outputs
/// belongs to the column phases
///
///     a b a b a b a b a b a b a b a b        tiles of phase a, and of phase b, of four outputs each
///     0 1 0 1 0 1 0 1|2 3 2 3 2 3 2 3        the tiles' numbers
///
/// so that tiles of neighbouring phases lie over each other in memory. From the smallest piece to the largest:
///
/// * Tile: m x m outputs of one phase, from (m + 2) x (m + 2) inputs of one phase.
/// * Slice: neighbouring tiles of every column phase of a strip, few enough for their pixels to stay in the
///   first-level cache.
/// * Strip: one row of tiles of all column phases that have equally many tiles. It is read and written in runs of
///   whole rows of pixels.
/// * Block: consecutive strips, as many tiles as fit the caches once transformed. Blocks are worked on one after
///   another, all threads on one.
struct WinogradTiling {
  let transform: WinogradTransform
  /// Sizes of the planes that tiles read, and the width of the border around them.
  let height, width, padding: Int
  /// What the border holds: zeros or mirrored pixels.
  let mode: ConvolutionParameters.PaddingMode
  let dilation: Int
  /// Sizes of the planes of outputs: source + 2 padding - 2 dilation.
  let outHeight, outWidth: Int
  let batch: Int

  /// A row of tiles, of one sample.
  struct Strip {
    let sample: Int
    /// Row and column of the first output of the first tile.
    let row, column: Int
    /// Column phases and the tiles of each. Tile t of phase p is number t * phases + p of the strip.
    let phases, tilesPerPhase: Int
    /// Place of the first tile in the block, hence its row in the matrices of the transformed domain.
    let start: Int

    var tiles: Int { phases * tilesPerPhase }
  }

  /// Consecutive strips.
  struct Block {
    var strips: [Strip] = []
    var tiles = 0
  }

  /// Neighbouring tiles of every phase of a strip.
  struct Slice {
    let strip: Strip
    /// Tiles of each phase.
    let tilesPerPhase: Range<Int>

    var tiles: Int { tilesPerPhase.count * strip.phases }
    /// Place of the first tile in the block.
    var start: Int { strip.start + tilesPerPhase.lowerBound * strip.phases }
  }

  /// Tiles of the outputs of a correlation with planes of height x width, for kernels of 3x3.
  init(
    _ transform: WinogradTransform, batch: Int, height: Int, width: Int, padding: Int,
    mode: ConvolutionParameters.PaddingMode, dilation: Int
  ) {
    self.transform = transform
    (self.batch, self.height, self.width) = (batch, height, width)
    (self.padding, self.mode, self.dilation) = (padding, mode, dilation)
    outHeight = height + 2 * padding - 2 * dilation
    outWidth = width + 2 * padding - 2 * dilation
  }

  /// The tiles of a convolution.
  init(_ geometry: ConvolutionGeometry, _ transform: WinogradTransform) {
    let parameters = geometry.parameters
    self.init(
      transform, batch: geometry.batch, height: geometry.height, width: geometry.width, padding: parameters.padding,
      mode: parameters.paddingMode, dilation: parameters.dilation)
  }

  /// The tiles of a convolution's outputs as they are read when they are the source: m x m pixels side by side,
  /// without a border.
  init(upstreamOf geometry: ConvolutionGeometry, _ transform: WinogradTransform) {
    self.init(
      transform, batch: geometry.batch, height: geometry.outHeight, width: geometry.outWidth, padding: 0, mode: .zero,
      dilation: geometry.parameters.dilation)
  }

  // MARK: Counting

  /// Outputs of the phase `phase` along an axis of `length` outputs.
  @inline(__always)
  private func phaseLength(_ phase: Int, of length: Int) -> Int { (length - phase + dilation - 1) / dilation }

  /// Tiles of the phase `phase` along an axis of `length` outputs; the last one may be incomplete.
  private func tiles(ofPhase phase: Int, along length: Int) -> Int {
    (phaseLength(phase, of: length) + transform.outputs - 1) / transform.outputs
  }

  /// Tiles of all phases along an axis of `length` outputs.
  private func tiles(along length: Int) -> Int {
    (0..<min(dilation, length)).reduce(0) { $0 + tiles(ofPhase: $1, along: length) }
  }

  /// Tiles of the whole batch.
  var tileCount: Int { batch * tiles(along: outHeight) * tiles(along: outWidth) }

  // MARK: Strips and blocks

  /// Neighbouring column phases with equally many tiles.
  private struct PhaseGroup {
    let phases: Range<Int>
    let tilesPerPhase: Int
  }

  /// One group or two, as the lengths of phases differ by one at most.
  private var columnGroups: [PhaseGroup] {
    var groups: [PhaseGroup] = []
    for phase in 0..<min(dilation, outWidth) {
      let tiles = tiles(ofPhase: phase, along: outWidth)
      let first = groups.last?.tilesPerPhase == tiles ? groups.removeLast().phases.lowerBound : phase
      groups.append(PhaseGroup(phases: first..<phase + 1, tilesPerPhase: tiles))
    }
    return groups
  }

  /// All strips in blocks of about equal size: at most `most` tiles, or a single strip that has more.
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
      block.strips.append(
        Strip(
          sample: sample, row: row, column: group.phases.lowerBound, phases: group.phases.count,
          tilesPerPhase: group.tilesPerPhase, start: block.tiles))
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

  // MARK: Slices

  /// Runs `body` for the slices of `strips`.
  @inline(__always)
  func overSlices(_ strips: ArraySlice<Strip>, _ body: (Slice) -> Void) {
    for strip in strips {
      let parts = (strip.tilesPerPhase + mostTilesPerPhase - 1) / mostTilesPerPhase
      for part in 0..<parts {
        body(Slice(strip: strip, tilesPerPhase: Parallel.share(part, of: parts, count: strip.tilesPerPhase)))
      }
    }
  }

  /// About 48 pixels of a row, 3 KB in vectors of sixteen channels, times six or seven rows.
  private var mostTilesPerPhase: Int { max(1, 48 / (transform.outputs * dilation)) }

  /// Pixels of a row that a slice reads or writes, at most.
  var linePixels: Int { dilation * (transform.outputs * mostTilesPerPhase + 2) + dilation }

  /// Column of the first output of a slice.
  @inline(__always)
  func firstColumn(_ slice: Slice) -> Int {
    slice.strip.column + dilation * transform.outputs * slice.tilesPerPhase.lowerBound
  }

  // MARK: Borders

  /// The source coordinate of a coordinate of the bordered source, along an axis of `length` pixels; nil where there
  /// is a zero or nothing.
  @inline(__always)
  func source(_ bordered: Int, _ length: Int) -> Int? {
    let position = bordered - padding
    if position >= 0 && position < length { return position }
    guard mode == .reflect, position < length + padding else { return nil }
    return position < 0 ? -position : 2 * (length - 1) - position
  }
}
