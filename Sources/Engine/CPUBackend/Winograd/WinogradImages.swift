import CKernels

/// Rows of pixels in vectors of sixteen channels: pixel x of row r is at `base + r * stride + 16 x`.
struct LineBuffer {
  let base: UnsafeMutablePointer<Float>
  /// Floats from row to row.
  let stride: Int

  @inline(__always) func row(_ row: Int) -> UnsafeMutablePointer<Float> { base + row * stride }
}

/// What is added to the outputs of sixteen channels on their way out.
struct PanelEpilogue {
  /// Sixteen, zeros where there are none.
  let biases: UnsafePointer<Float>
  /// Whether negative sums are replaced by 0.
  let relu: Bool
}

/// An image, batch x channels x height x width, as tiles read it.
struct WinogradSource {
  /// The tiles' places. Planes have its height and width.
  let tiling: WinogradTiling
  let image: UnsafePointer<Float>
  let channels: Int
  let kind: Kind

  enum Kind {
    /// What a filter is applied to: tiles of (m + 2) x (m + 2) pixels, which overlap by two.
    case filtered
    /// The loss's derivative by outputs: tiles of m x m pixels side by side.
    case upstream
  }

  /// Pixels of a tile along an axis.
  var size: Int { kind == .filtered ? tiling.transform.inputs : tiling.transform.outputs }
  /// The transform of a tile that is read.
  var step: WinogradTransform.Step { kind == .filtered ? .input : .upstream }

  /// Pixels of a row that the tiles of `slice` read.
  @inline(__always)
  func pixels(_ slice: WinogradTiling.Slice) -> Int {
    tiling.dilation * (tiling.transform.outputs * (slice.tilesPerPhase.count - 1) + size - 1) + slice.strip.phases
  }

  /// Writes the rows that the tiles of `slice` read, of the sixteen channels of `panel`; channels that the image does
  /// not have are zeros.
  func gather(
    panel: Int, _ slice: WinogradTiling.Slice, into lines: LineBuffer, _ instructions: InstructionSet
  ) {
    let (height, width) = (tiling.height, tiling.width)
    let lanes = Panels.lanes(panel, of: channels)
    let planes = image + (slice.strip.sample * channels + panel * Panels.lanes) * height * width
    let count = pixels(slice)
    let column = tiling.firstColumn(slice) - tiling.padding
    // The pixels x with 0 <= column + x < width; those before and after belong to the border.
    let first = min(count, max(0, -column))
    let last = max(first, min(count, width - column))
    for r in 0..<size {
      let line = lines.row(r)
      guard let row = tiling.source(slice.strip.row + r * tiling.dilation, height) else {
        line.update(repeating: 0, count: count * Panels.lanes)
        continue
      }
      let start = planes + row * width
      prefetch(start + size * tiling.dilation * width + column, lanes: lanes, count: count)
      for x in 0..<first { gatherBorder(start, column + x, lanes: lanes, into: line + x * Panels.lanes) }
      instructions.interleave(
        start + column + first, stride: height * width, lanes: lanes, into: line + first * Panels.lanes,
        count: last - first)
      for x in last..<count { gatherBorder(start, column + x, lanes: lanes, into: line + x * Panels.lanes) }
    }
  }

  /// Asks for a row that the next strip reads: without, a third of the time here is waiting for memory.
  @inline(__always)
  private func prefetch(_ row: UnsafePointer<Float>, lanes: Int, count: Int) {
    for lane in 0..<lanes {
      let row = row + lane &* tiling.height &* tiling.width
      for x in stride(from: 0, to: count, by: 16) { ckernels_prefetch(row + x) }
    }
  }

  /// All channels of a pixel beyond the row's ends.
  private func gatherBorder(
    _ row: UnsafePointer<Float>, _ column: Int, lanes: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let inside = tiling.source(column + tiling.padding, tiling.width)
    for lane in 0..<Panels.lanes {
      target[lane] = inside.map { lane < lanes ? row[lane * tiling.height * tiling.width + $0] : 0 } ?? 0
    }
  }
}

/// An image, batch x channels x height x width, as tiles write it.
struct WinogradTarget {
  let tiling: WinogradTiling
  let image: UnsafeMutablePointer<Float>
  let channels: Int

  /// Planes of the sixteen channels of `panel`, `area` pixels each, and how many of them the image has.
  private func planes(
    _ panel: Int, _ slice: WinogradTiling.Slice, area: Int
  ) -> (base: UnsafeMutablePointer<Float>, lanes: Int) {
    (image + (slice.strip.sample * channels + panel * Panels.lanes) * area, Panels.lanes(panel, of: channels))
  }

  /// Puts the outputs of the tiles of `slice` into planes of outHeight x outWidth; outputs beyond the edge, of
  /// incomplete tiles, are dropped.
  func put(
    _ lines: LineBuffer, panel: Int, _ slice: WinogradTiling.Slice, _ epilogue: PanelEpilogue,
    _ instructions: InstructionSet
  ) {
    let (strip, dilation, size) = (slice.strip, tiling.dilation, tiling.transform.outputs)
    let area = tiling.outHeight * tiling.outWidth
    let (planes, lanes) = planes(panel, slice, area: area)
    let column = tiling.firstColumn(slice)
    let length = min(tiling.outWidth - column, dilation * size * slice.tilesPerPhase.count)
    // Whole rows where the strip has every phase, else runs of the phases that it has.
    let (run, step) = strip.phases == dilation ? (length, length) : (strip.phases, dilation)
    for r in 0..<size {
      let row = strip.row + r * dilation
      if row >= tiling.outHeight { break }
      for x in stride(from: 0, to: length, by: step) {
        instructions.deinterleave(
          lines.row(r) + x * Panels.lanes, count: min(run, length - x), epilogue,
          into: planes + row * tiling.outWidth + column + x, stride: area, lanes: lanes)
      }
    }
  }

  /// The transpose of `WinogradSource.gather` for a slice of one tile per phase: adds what the tiles have for the
  /// pixels that they read, into planes of height x width. What belongs to a mirrored border is added to the pixel
  /// that it mirrors.
  func add(_ lines: LineBuffer, panel: Int, _ slice: WinogradTiling.Slice) {
    let (height, width, dilation, size) = (tiling.height, tiling.width, tiling.dilation, tiling.transform.inputs)
    let (planes, lanes) = planes(panel, slice, area: height * width)
    let column = tiling.firstColumn(slice)
    for r in 0..<size {
      guard let row = tiling.source(slice.strip.row + r * dilation, height) else { continue }
      for lane in 0..<lanes {
        let (target, line) = (planes + (lane * height + row) * width, lines.row(r) + lane)
        for e in 0..<size {
          addRun(line + e * dilation * Panels.lanes, slice.strip.phases, column: column + e * dilation, into: target)
        }
      }
    }
  }

  /// Adds `count` elements, sixteen floats apart, to the row's pixels from column `column` of the bordered row on.
  @inline(__always)
  private func addRun(
    _ source: UnsafePointer<Float>, _ count: Int, column: Int, into row: UnsafeMutablePointer<Float>
  ) {
    let start = column - tiling.padding
    if start >= 0 && start + count <= tiling.width {
      for x in 0..<count { row[start &+ x] += source[x &* Panels.lanes] }
    } else {
      for x in 0..<count {
        if let position = tiling.source(column + x, tiling.width) { row[position] += source[x &* Panels.lanes] }
      }
    }
  }
}
