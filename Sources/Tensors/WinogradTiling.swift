/// How a 3x3 convolution of stride 1 is cut into tiles of 4x4 outputs.
///
/// With dilation d the outputs (i, j) of equal i mod d and j mod d, a phase, read only inputs of one phase of the padded source: d * d
/// undilated convolutions of interleaved pixels. A strip is a row of tiles of one phase; strips follow each other in a fixed order and
/// blocks of whole strips are what is worked on at a time.
struct WinogradTiling {
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
    /// Number of tiles, and their place in the block.
    let tiles, start: Int
  }

  /// Consecutive strips.
  struct Block {
    var strips: [Strip] = []
    var tiles = 0
  }

  init(batch: Int, height: Int, width: Int, padding: Int, mode: ConvolutionParameters.PaddingMode, dilation: Int) {
    (self.batch, self.height, self.width, self.padding, self.mode, self.dilation) = (batch, height, width, padding, mode, dilation)
    outHeight = height + 2 * padding - 2 * dilation
    outWidth = width + 2 * padding - 2 * dilation
  }

  /// Number of outputs of the phase `phase` along an axis of `length` outputs.
  @inline(__always)
  func phaseLength(_ phase: Int, of length: Int) -> Int { (length - phase + dilation - 1) / dilation }

  /// Tiles along an axis of `length` outputs, all phases.
  private func tiles(along length: Int) -> Int {
    (0..<min(dilation, length)).reduce(0) { $0 + (phaseLength($1, of: length) + 3) / 4 }
  }

  /// Tiles of the whole batch.
  var tileCount: Int { batch * tiles(along: outHeight) * tiles(along: outWidth) }

  /// All strips in blocks of about equal size, at most `most` tiles or one strip.
  func blocks(most: Int) -> [Block] {
    let total = tileCount
    let parts = (total + most - 1) / most
    let fair = (total + parts - 1) / parts
    var blocks: [Block] = []
    var block = Block()
    func add(sample: Int, row: Int, column: Int) {
      let tiles = (phaseLength(column, of: outWidth) + 3) / 4
      if block.tiles > 0 && (block.tiles + tiles > most || block.tiles >= fair) {
        blocks.append(block)
        block = Block()
      }
      block.strips.append(Strip(sample: sample, row: row, column: column, tiles: tiles, start: block.tiles))
      block.tiles += tiles
    }
    for sample in 0..<batch {
      for phase in 0..<min(dilation, outHeight) {
        for row in stride(from: phase, to: outHeight, by: 4 * dilation) {
          for column in 0..<min(dilation, outWidth) { add(sample: sample, row: row, column: column) }
        }
      }
    }
    if block.tiles > 0 { blocks.append(block) }
    return blocks
  }

  /// Floats of one line of a strip with room for whole vectors.
  var lineCount: Int { (outWidth + dilation - 1) / dilation + 48 }

  /// The source coordinate of a padded one; nil where there is a zero or nothing.
  @inline(__always)
  private func source(_ padded: Int, _ length: Int) -> Int? {
    let position = padded - padding
    if position >= 0 && position < length { return position }
    guard mode == .reflect, position < length + padding else { return nil }
    return position < 0 ? -position : 2 * (length - 1) - position
  }

  // MARK: Reading

  /// Writes element (r, e) of every tile of `strips` to `target[(r * size + e) * stride + tile - origin]`; `size` is 6 for what is
  /// filtered and 4 for its upstream. Writes up to seven elements beyond the last tile. `line` holds `lineCount` floats.
  func gather(
    _ plane: UnsafePointer<Float>, _ strips: ArraySlice<Strip>, size: Int, into target: UnsafeMutablePointer<Float>, stride: Int,
    line: UnsafeMutablePointer<Float>
  ) {
    let origin = strips.first?.start ?? 0
    for strip in strips {
      for r in 0..<size {
        let target = target + r * size * stride + strip.start - origin
        if let row = source(strip.row + r * dilation, height) {
          gatherLine(plane + row * width, column: strip.column, count: 4 * strip.tiles + size - 4, into: line)
          deinterleave(line, tiles: strip.tiles, size: size, into: target, stride: stride)
        } else {
          for e in 0..<size { clear(target + e * stride, strip.tiles) }
        }
      }
    }
  }

  /// line[x] = padded row [column + x dilation].
  @inline(__always)
  private func gatherLine(_ row: UnsafePointer<Float>, column: Int, count: Int, into line: UnsafeMutablePointer<Float>) {
    let offset = column - padding
    // The x with 0 <= offset + x dilation < width.
    let first = min(count, offset >= 0 ? 0 : (-offset + dilation - 1) / dilation)
    let last = max(first, min(count, offset < width ? (width - offset + dilation - 1) / dilation : 0))
    for x in 0..<first { line[x] = edge(row, column + x * dilation) }
    if dilation == 1 {
      copyRow(row + offset + first, line + first, last - first)
    } else {
      let start = row + offset
      for x in first..<last { line[x] = start[x &* dilation] }
    }
    for x in last..<count { line[x] = edge(row, column + x * dilation) }
  }

  @inline(__always)
  private func edge(_ row: UnsafePointer<Float>, _ padded: Int) -> Float { source(padded, width).map { row[$0] } ?? 0 }

  /// target[e * stride + t] = line[4 t + e] for e < size.
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

  /// Puts the outputs `source[(r * 4 + q) * stride + tile - origin]` of `strips` into a plane; those beyond the output's edge are dropped.
  func scatter(
    _ source: UnsafePointer<Float>, stride: Int, _ strips: ArraySlice<Strip>, _ sink: Sink, into plane: UnsafeMutablePointer<Float>,
    line: UnsafeMutablePointer<Float>
  ) {
    let origin = strips.first?.start ?? 0
    for strip in strips {
      let count = phaseLength(strip.column, of: outWidth)
      for r in 0..<4 {
        let row = strip.row + r * dilation
        if row >= outHeight { break }
        interleave(source + 4 * r * stride + strip.start - origin, stride: stride, tiles: strip.tiles, into: line)
        switch sink {
        case .store(let bias, let relu):
          storeLine(line, count, bias: bias, relu: relu, into: plane + row * outWidth + strip.column)
        case .fold(let border):
          let (rows, columns) = (outHeight - 2 * border, outWidth - 2 * border)
          let target = plane + mirrored(row - border, rows) * columns
          for x in 0..<count { target[mirrored(strip.column + x * dilation - border, columns)] += line[x] }
        }
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
    if dilation == 1 {
      if relu {
        for x in 0..<count { target[x] = line[x] + bias < 0 ? 0 : line[x] + bias }
      } else {
        for x in 0..<count { target[x] = line[x] + bias }
      }
    } else {
      for x in 0..<count {
        let value = line[x] + bias
        target[x &* dilation] = relu && value < 0 ? 0 : value
      }
    }
  }
}

/// 32 floats from any address.
@inline(__always)
private func loadThirtyTwo(_ source: UnsafePointer<Float>) -> SIMD32<Float> {
  UnsafeRawPointer(source).loadUnaligned(as: SIMD32<Float>.self)
}
