/// A stack of equal matrices, one a point of the transformed domain; rows are padded for whole vectors.
private struct PointMatrices {
  let points, rows: Int
  /// Floats from row to row, with at least eight beyond the last column.
  let stride: Int

  init(_ transform: WinogradTransform, rows: Int, columns: Int) {
    (points, self.rows) = (transform.points, rows)
    stride = (columns + 7) / 8 * 8 + 8
  }

  /// Floats from matrix to matrix: an odd number of cache lines, else writing one element of each would fight for few sets of the cache.
  var pointStride: Int { ((rows * stride + 15) / 16 | 1) * 16 }
  var count: Int { points * pointStride }
}

/// A 3x3 correlation of stride 1: the convolution, or its input's gradient as the correlation of upstream with the flipped weight.
struct WinogradCorrelation {
  let tiling: WinogradTiling
  /// Channels of the source and of the result.
  let inputs, outputs: Int
  /// The weight's layout is source x result with the taps in reverse order, instead of result x source.
  let isGradient: Bool
  /// Width of the border that a gradient by a mirrored border adds back to the pixels it mirrors.
  let fold: Int

  /// y of the geometry's x.
  init(forward g: ConvolutionGeometry, _ transform: WinogradTransform) {
    tiling = WinogradTiling(
      transform, batch: g.batch, height: g.height, width: g.width, padding: g.parameters.padding, mode: g.parameters.paddingMode,
      dilation: g.parameters.dilation)
    (inputs, outputs, isGradient, fold) = (g.inputs, g.outputs, false, 0)
  }

  /// dx of the geometry's dy. Precondition: padding <= 2 dilation, or reflected.
  init(inputGradient g: ConvolutionGeometry, _ transform: WinogradTransform) {
    let p = g.parameters
    fold = p.paddingMode == .reflect ? p.padding : 0
    tiling = WinogradTiling(
      transform, batch: g.batch, height: g.outHeight, width: g.outWidth, padding: 2 * p.dilation - (p.padding - fold), mode: .zero, dilation: p.dilation)
    (inputs, outputs, isGradient) = (g.outputs, g.inputs, true)
  }

  /// Floats of the transformed source that a block of tiles may have, and of the transformed weights and products of a part.
  private static let sourceBudget = 16 << 20
  private static let partBudget = 20 << 20

  fileprivate var mostTiles: Int { min(512, max(160, Self.sourceBudget / (tiling.transform.points * inputs))) }

  /// Result channels that are worked on at a time.
  fileprivate var parts: [Range<Int>] {
    let most = max(64, Self.partBudget / (tiling.transform.points * inputs))
    return ConvolutionGeometry.ranges(outputs, most: most)
  }

  /// The transformed source of a block, the transformed weights and the products of a part, at their largest.
  fileprivate func matrices(_ blocks: [WinogradTiling.Block]) -> (sources: PointMatrices, weights: PointMatrices, products: PointMatrices) {
    let tiles = blocks.map(\.tiles).max() ?? 0
    return (PointMatrices(tiling.transform, rows: inputs, columns: tiles), weightMatrices, PointMatrices(tiling.transform, rows: mostRows, columns: tiles))
  }

  /// Of a part's transformed weights, whatever the image's size.
  fileprivate var weightMatrices: PointMatrices {
    isGradient ? PointMatrices(tiling.transform, rows: inputs, columns: mostRows) : PointMatrices(tiling.transform, rows: mostRows, columns: inputs)
  }

  private var mostRows: Int { parts.map(\.count).max() ?? 0 }

  /// Floats of scratch memory that all threads share.
  var scratchCount: Int {
    let (sources, weights, products) = matrices(tiling.blocks(most: mostTiles))
    return sources.count + weights.count + products.count
  }
}

/// Memory of one thread for lines and small tiles.
private struct WinogradWorkspace {
  /// Tiles, or channels of a weight, that are transformed at a time so that they stay in the first-level cache.
  static let tiles = 128

  let line: UnsafeMutablePointer<Float>
  let elements: UnsafeMutablePointer<Float>
  let vectors: UnsafeMutablePointer<Float>
  /// Floats from plane to plane of `elements`; one vector more than can be needed.
  let stride: Int

  static func stride(widest: Int) -> Int { (max(tiles, widest) + 7) / 8 * 8 + 24 }

  static func count(lineCount: Int, widest: Int) -> Int {
    (lineCount + 15) / 16 * 16 + WinogradTransform.mostPoints * stride(widest: widest) + WinogradTransform.workspaceCount
  }

  init(_ base: UnsafeMutablePointer<Float>, lineCount: Int, widest: Int) {
    line = base
    elements = base + (lineCount + 15) / 16 * 16
    stride = Self.stride(widest: widest)
    vectors = elements + WinogradTransform.mostPoints * stride
  }
}

extension CPUKernels {
  // MARK: Forward and by input

  /// Writes (or, with a fold, adds to zeros) all of `target`, batch x outputs x the tiling's output less the fold.
  ///
  /// - Parameter kept: what `keptWeights` gave for this correlation; nil: weights are transformed here.
  func correlateWinograd(
    _ c: WinogradCorrelation, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, kept: Storage?, _ epilogue: Epilogue,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (tiling, parts) = (c.tiling, c.parts)
    let blocks = tiling.blocks(most: c.mostTiles)
    let (sources, weights, products) = c.matrices(blocks)
    if c.fold > 0 {
      let area = (tiling.outHeight - 2 * c.fold) * (tiling.outWidth - 2 * c.fold)
      overElements(tiling.batch * c.outputs * area) { (target + $0.lowerBound).update(repeating: 0, count: $0.count) }
    }
    scratch.with(sources.count + products.count + (kept == nil ? weights.count : 0)) { memory in
      let (v, m, own) = (memory, memory + sources.count, memory + sources.count + products.count)
      for (index, block) in blocks.enumerated() {
        transformSources(tiling, x, channels: 0..<c.inputs, of: c.inputs, block, .filtered, into: v, sources)
        for (number, part) in parts.enumerated() {
          let u = kept.map { $0.base + number * weights.count } ?? own
          if kept == nil && (parts.count > 1 || index == 0) { transformWeights(c, weight, part, into: u, weights) }
          overPoints(tiling.transform.points, rows: part.count) { point, share in
            let left = u + point * weights.pointStride + (c.isGradient ? share.lowerBound : share.lowerBound * weights.stride)
            multiplyMatrices(
              Matrix(left, stride: weights.stride, transposed: c.isGradient),
              Matrix(v + point * sources.pointStride, stride: sources.stride),
              into: m + point * products.pointStride + share.lowerBound * products.stride, stride: products.stride, rows: share.count,
              columns: block.tiles, inner: c.inputs)
          }
          transformOutputs(c, m, products, part, block, epilogue, into: target)
        }
      }
    }
  }

  /// All of the weight transformed, part after part, where these kernels keep it.
  func keptWeights(_ c: WinogradCorrelation, of weight: Tensor) -> Storage? {
    guard let transformedWeights else { return nil }
    let (parts, matrices) = (c.parts, c.weightMatrices)
    return transformedWeights.memory(of: weight, in: c.tiling.transform, count: parts.count * matrices.count) { target in
      weight.read { weight in
        for (number, part) in parts.enumerated() { transformWeights(c, weight, part, into: target + number * matrices.count, matrices) }
      }
    }
  }

  /// Runs `body(point, range of rows)` for all products of a block, cut by rows where that gives all threads equal shares.
  private func overPoints(_ points: Int, rows: Int, _ body: (Int, Range<Int>) -> Void) {
    var cuts = 1
    while points * cuts % threads != 0 && rows / (cuts + 1) >= 64 { cuts += 1 }
    Parallel.forEach(points * cuts, threads: threads) { unit in
      body(unit / cuts, Parallel.share(unit % cuts, of: cuts, count: rows))
    }
  }

  /// Runs `body(workspace, index)` for every index with a workspace a thread.
  private func withWorkspaces(_ count: Int, lineCount: Int, widest: Int, _ body: (WinogradWorkspace, Int) -> Void) {
    Parallel.forEachRange(count, threads: threads) { _, range in
      scratch.with(WinogradWorkspace.count(lineCount: lineCount, widest: widest)) { memory in
        let workspace = WinogradWorkspace(memory, lineCount: lineCount, widest: widest)
        for index in range { body(workspace, index) }
      }
    }
  }

  /// Runs `body` for slices of the block's strips of about `WinogradWorkspace.tiles` tiles.
  @inline(__always)
  private func overSlices(_ block: WinogradTiling.Block, _ body: (ArraySlice<WinogradTiling.Strip>, _ tiles: Int) -> Void) {
    var first = 0
    while first < block.strips.count {
      var (last, tiles) = (first, 0)
      while last < block.strips.count && (last == first || tiles + block.strips[last].tiles <= WinogradWorkspace.tiles) {
        tiles += block.strips[last].tiles
        last += 1
      }
      body(block.strips[first..<last], tiles)
      first = last
    }
  }

  /// Runs `body` for the strips of each sample in a slice, with the place of their first tile in the block.
  @inline(__always)
  private func overSamples(
    _ strips: ArraySlice<WinogradTiling.Strip>, _ body: (_ sample: Int, ArraySlice<WinogradTiling.Strip>, _ start: Int) -> Void
  ) {
    var rest = strips
    while let first = rest.first {
      let end = rest.firstIndex { $0.sample != first.sample } ?? rest.endIndex
      body(first.sample, rest[..<end], first.start)
      rest = rest[end...]
    }
  }

  private func widest(_ block: WinogradTiling.Block) -> Int { block.strips.reduce(0) { max($0, $1.tiles) } }

  /// The block's tiles of `channels` of the source (of `count` channels), transformed: a matrix of channels x tiles for each point.
  ///
  private func transformSources(
    _ tiling: WinogradTiling, _ x: UnsafePointer<Float>, channels: Range<Int>, of count: Int, _ block: WinogradTiling.Block, _ kind: WinogradTiling.Source,
    into target: UnsafeMutablePointer<Float>, _ matrices: PointMatrices
  ) {
    let area = tiling.height * tiling.width
    withWorkspaces(channels.count, lineCount: tiling.lineCount, widest: widest(block)) { workspace, row in
      overSlices(block) { strips, tiles in
        guard let first = strips.first else { return }
        overSamples(strips) { sample, strips, start in
          tiling.gather(
            x + (sample * count + channels.lowerBound + row) * area, strips, kind, into: workspace.elements + start - first.start,
            stride: workspace.stride, line: workspace.line)
        }
        let target = target + row * matrices.stride + first.start
        tiling.transform.apply(
          kind == .filtered ? .input : .upstream, workspace.elements, workspace.stride, target, matrices.pointStride, count: tiles,
          workspace: workspace.vectors)
      }
    }
  }

  /// The weights of the result's channels `part`, transformed: for each point a matrix of part x inputs, or inputs x part for a gradient.
  private func transformWeights(
    _ c: WinogradCorrelation, _ weight: UnsafePointer<Float>, _ part: Range<Int>, into target: UnsafeMutablePointer<Float>,
    _ matrices: PointMatrices
  ) {
    let (rows, columns) = c.isGradient ? (0..<c.inputs, part) : (part, 0..<c.inputs)
    let rowLength = c.isGradient ? c.outputs : c.inputs
    withWorkspaces(rows.count, lineCount: 0, widest: columns.count) { workspace, row in
      let source = weight + ((rows.lowerBound + row) * rowLength + columns.lowerBound) * 9
      for tap in 0..<9 {
        let (source, elements) = (source + (c.isGradient ? 8 - tap : tap), workspace.elements + tap * workspace.stride)
        for i in 0..<columns.count { elements[i] = source[i &* 9] }
      }
      c.tiling.transform.apply(
        .weight, workspace.elements, workspace.stride, target + row * matrices.stride, matrices.pointStride, count: columns.count,
        workspace: workspace.vectors)
    }
  }

  /// The products of the result's channels `part` back to pixels.
  private func transformOutputs(
    _ c: WinogradCorrelation, _ products: UnsafePointer<Float>, _ matrices: PointMatrices, _ part: Range<Int>,
    _ block: WinogradTiling.Block, _ epilogue: Epilogue, into target: UnsafeMutablePointer<Float>
  ) {
    let tiling = c.tiling
    let area = (tiling.outHeight - 2 * c.fold) * (tiling.outWidth - 2 * c.fold)
    withWorkspaces(part.count, lineCount: tiling.lineCount, widest: widest(block)) { workspace, row in
      let channel = part.lowerBound + row
      let sink: WinogradTiling.Sink =
        c.fold > 0 ? .fold(c.fold) : .store(bias: epilogue.biases.isEmpty ? 0 : epilogue.biases[channel], relu: epilogue.relu)
      overSlices(block) { strips, tiles in
        guard let first = strips.first else { return }
        tiling.transform.apply(
          .output, products + row * matrices.stride + first.start, matrices.pointStride, workspace.elements, workspace.stride, count: tiles,
          workspace: workspace.vectors)
        overSamples(strips) { sample, strips, start in
          tiling.scatter(
            workspace.elements + start - first.start, stride: workspace.stride, strips, sink, into: target + (sample * c.outputs + channel) * area,
            line: workspace.line)
        }
      }
    }
  }
}

// MARK: By weight

/// The gradient by the weight: for each point the product of transformed upstream and transformed input, summed over all tiles.
struct WinogradWeightGradient {
  let g: ConvolutionGeometry
  /// Tiles of the input, and of the upstream (the same strips, read without padding).
  let tiling, upstream: WinogradTiling

  private static let matrixBudget = 4 << 20
  private static let sourceBudget = 4 << 20

  init(_ g: ConvolutionGeometry, _ transform: WinogradTransform) {
    let p = g.parameters
    self.g = g
    tiling = WinogradTiling(
      transform, batch: g.batch, height: g.height, width: g.width, padding: p.padding, mode: p.paddingMode, dilation: p.dilation)
    upstream = WinogradTiling(
      transform, batch: g.batch, height: g.outHeight, width: g.outWidth, padding: 0, mode: .zero, dilation: p.dilation)
  }

  /// Input and output channels that are worked on at a time, and tiles.
  fileprivate var parts: (inputs: [Range<Int>], outputs: [Range<Int>], tiles: Int) {
    let side = 256
    let inputs = ConvolutionGeometry.ranges(g.inputs, most: max(side, Self.matrixBudget / (tiling.transform.points * g.outputs)))
    let most = inputs.map(\.count).max() ?? 1
    let outputs = ConvolutionGeometry.ranges(g.outputs, most: max(side, Self.matrixBudget / (tiling.transform.points * most)))
    let rows = outputs.map(\.count).max() ?? 1
    return (inputs, outputs, min(1024, max(128, Self.sourceBudget / (tiling.transform.points * max(most, rows)))))
  }

  /// The transformed input and upstream of a block and the sums of a part, at their largest.
  fileprivate func matrices(_ blocks: [WinogradTiling.Block]) -> (inputs: PointMatrices, upstreams: PointMatrices, sums: PointMatrices) {
    let (parts, tiles) = (parts, blocks.map(\.tiles).max() ?? 0)
    let (columns, rows) = (parts.inputs.map(\.count).max() ?? 0, parts.outputs.map(\.count).max() ?? 0)
    let transform = tiling.transform
    return (
      PointMatrices(transform, rows: columns, columns: tiles), PointMatrices(transform, rows: rows, columns: tiles),
      PointMatrices(transform, rows: rows, columns: columns)
    )
  }

  /// Floats of scratch memory that all threads share.
  var scratchCount: Int {
    let (inputs, upstreams, sums) = matrices(tiling.blocks(most: parts.tiles))
    return inputs.count + upstreams.count + sums.count
  }
}

extension CPUKernels {
  /// Writes all of `target`, outputs x inputs x 3 x 3.
  func weightGradientWinograd(
    _ w: WinogradWeightGradient, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>
  ) {
    let parts = w.parts
    let blocks = w.tiling.blocks(most: parts.tiles)
    let (inputs, upstreams, sums) = w.matrices(blocks)
    scratch.with(inputs.count + upstreams.count + sums.count) { memory in
      let (v, y, s) = (memory, memory + inputs.count, memory + inputs.count + upstreams.count)
      for input in parts.inputs {
        for (index, output) in parts.outputs.enumerated() {
          for (number, block) in blocks.enumerated() {
            if index == 0 || blocks.count > 1 {
              transformSources(w.tiling, x, channels: input, of: w.g.inputs, block, .filtered, into: v, inputs)
            }
            transformSources(w.upstream, dy, channels: output, of: w.g.outputs, block, .upstream, into: y, upstreams)
            overPoints(w.tiling.transform.points, rows: output.count) { point, share in
              multiplyMatrices(
                Matrix(y + point * upstreams.pointStride + share.lowerBound * upstreams.stride, stride: upstreams.stride),
                Matrix(v + point * inputs.pointStride, stride: inputs.stride, transposed: true),
                into: s + point * sums.pointStride + share.lowerBound * sums.stride, stride: sums.stride, rows: share.count,
                columns: input.count, inner: block.tiles, adding: number > 0)
            }
          }
          finishWeights(w, s, sums, outputs: output, inputs: input, into: target)
        }
      }
    }
  }

  private func finishWeights(
    _ w: WinogradWeightGradient, _ sums: UnsafePointer<Float>, _ matrices: PointMatrices, outputs: Range<Int>, inputs: Range<Int>,
    into target: UnsafeMutablePointer<Float>
  ) {
    withWorkspaces(outputs.count, lineCount: 0, widest: inputs.count) { workspace, row in
      w.tiling.transform.apply(
        .weightGradient, sums + row * matrices.stride, matrices.pointStride, workspace.elements, workspace.stride, count: inputs.count,
        workspace: workspace.vectors)
      let target = target + ((outputs.lowerBound + row) * w.g.inputs + inputs.lowerBound) * 9
      for tap in 0..<9 {
        let (target, elements) = (target + tap, workspace.elements + tap * workspace.stride)
        for i in 0..<inputs.count { target[i &* 9] = elements[i] }
      }
    }
  }
}
