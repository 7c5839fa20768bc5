/// A stack of equal matrices in panels, one a point of the transformed domain.
private struct PointPanels {
  let points, panels, rows: Int

  init(_ transform: WinogradTransform, rows: Int, panels: Int) {
    (points, self.panels, self.rows) = (transform.points, panels, rows)
  }

  /// Floats from panel to panel.
  var stride: Int { Panels.stride(rows: rows) }
  /// Floats from matrix to matrix: an odd number of cache lines, else writing one element of each would fight for few sets of the cache.
  var pointStride: Int { (panels * stride / Panels.lanes | 1) * Panels.lanes }
  var count: Int { points * pointStride }

  func matrix(_ point: Int, in base: UnsafeMutablePointer<Float>) -> Panels { Panels(base: base + point * pointStride, stride: stride) }
}

/// A 3x3 correlation of stride 1, or its transpose: the convolution and its gradient by the input.
struct WinogradCorrelation {
  enum Kind {
    /// y of x: y = A'[(G w)(B' x)].
    case forward
    /// dx of dy with a border of zeros: the correlation of dy with the flipped weight, which is source x result here.
    case flipped
    /// dx of dy with a mirrored border: dx = B[(G w)(A dy)], added up where tiles overlap. Computing what belongs to the border first, to add it to the
    /// pixels that it mirrors, would take up to four times the products.
    case transposed
  }

  let kind: Kind
  /// The tiles of the forward or flipped correlation, and how the source is read.
  let tiling, reading: WinogradTiling
  /// Channels of the source and of the result.
  let inputs, outputs: Int

  /// y of the geometry's x.
  init(forward g: ConvolutionGeometry, _ transform: WinogradTransform) {
    kind = .forward
    tiling = WinogradTiling(g, transform)
    reading = tiling
    (inputs, outputs) = (g.inputs, g.outputs)
  }

  /// dx of the geometry's dy. Precondition: padding <= 2 dilation, or reflected.
  init(inputGradient g: ConvolutionGeometry, _ transform: WinogradTransform) {
    let p = g.parameters
    if p.paddingMode == .reflect {
      (kind, tiling, reading) = (.transposed, WinogradTiling(g, transform), WinogradTiling(upstreamOf: g, transform))
    } else {
      kind = .flipped
      tiling = WinogradTiling(
        transform, batch: g.batch, height: g.outHeight, width: g.outWidth, padding: 2 * p.dilation - p.padding, mode: .zero, dilation: p.dilation)
      reading = tiling
    }
    (inputs, outputs) = (g.outputs, g.inputs)
  }

  /// Pixels of a channel of the result.
  fileprivate var resultArea: Int { kind == .transposed ? tiling.height * tiling.width : tiling.outHeight * tiling.outWidth }

  /// Floats of the transformed source that a block of tiles may have, and of the transformed weights and products of a part.
  private static let sourceBudget = 16 << 20
  private static let partBudget = 4 << 20

  fileprivate var mostTiles: Int { min(512, max(160, Self.sourceBudget / (tiling.transform.points * inputs))) }

  /// Panels of result channels that are worked on at a time.
  fileprivate var parts: [Range<Int>] {
    ConvolutionGeometry.ranges(Panels.count(outputs), most: max(4, Self.partBudget / (tiling.transform.points * inputs * Panels.lanes)))
  }

  /// The transformed source of a block, the transformed weights and the products of a part, at their largest.
  fileprivate func matrices(_ blocks: [WinogradTiling.Block]) -> (sources: PointPanels, weights: PointPanels, products: PointPanels) {
    let tiles = blocks.map(\.tiles).max() ?? 0
    return (
      PointPanels(tiling.transform, rows: tiles, panels: Panels.count(inputs)), weightMatrices,
      PointPanels(tiling.transform, rows: tiles, panels: mostPanels)
    )
  }

  /// Of a part's transformed weights, whatever the image's size.
  fileprivate var weightMatrices: PointPanels { PointPanels(tiling.transform, rows: inputs, panels: mostPanels) }

  private var mostPanels: Int { parts.map(\.count).max() ?? 0 }

  /// Floats of scratch memory that all threads share.
  var scratchCount: Int {
    let (sources, weights, products) = matrices(tiling.blocks(most: mostTiles))
    return sources.count + weights.count + products.count
  }
}

/// Memory of one thread: two stages of a slice of tiles, or of the weights between sixteen channels and `weightRows`.
private struct WinogradWorkspace {
  static let weightRows = 16

  let first, second: UnsafeMutablePointer<Float>
  /// Floats from line to line of a slice.
  let stride: Int

  private static func stageCount(_ tiling: WinogradTiling) -> Int {
    let transform = tiling.transform
    let weights = weightRows * 3 * transform.inputs * Panels.lanes
    // A slice's outputs have a column for each of the transform's inputs and each tile between the two stages.
    return max(weights, transform.inputs * tiling.linePixels * Panels.lanes)
  }

  static func count(_ tiling: WinogradTiling) -> Int { 2 * stageCount(tiling) }

  init(_ base: UnsafeMutablePointer<Float>, _ tiling: WinogradTiling) {
    (first, second, stride) = (base, base + Self.stageCount(tiling), tiling.linePixels * Panels.lanes)
  }
}

extension CPUKernels {
  // MARK: Forward and by input

  /// Writes all of `target`, batch x outputs x the result's pixels.
  ///
  /// - Parameter kept: what `keptWeights` gave for this correlation; nil: weights are transformed here.
  func correlateWinograd(
    _ c: WinogradCorrelation, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, kept: Storage?, _ epilogue: Epilogue,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (tiling, parts) = (c.tiling, c.parts)
    let blocks = tiling.blocks(most: c.mostTiles)
    let (sources, weights, products) = c.matrices(blocks)
    if c.kind == .transposed {
      overElements(tiling.batch * c.outputs * c.resultArea) { (target + $0.lowerBound).update(repeating: 0, count: $0.count) }
    }
    scratch.with(sources.count + products.count + (kept == nil ? weights.count : 0)) { memory in
      let (v, m, own) = (memory, memory + sources.count, memory + sources.count + products.count)
      for (index, block) in blocks.enumerated() {
        transformSources(
          c.reading, x, panels: 0..<sources.panels, of: c.inputs, block, c.kind == .transposed ? .upstream : .filtered, into: v, sources)
        for (number, part) in parts.enumerated() {
          let u = kept.map { $0.base + number * weights.count } ?? own
          if kept == nil && (parts.count > 1 || index == 0) { transformWeights(c, weight, part, into: u, weights) }
          overPoints(tiling.transform.points, panels: part.count) { point, share in
            instructions.multiply(
              sources.matrix(point, in: v), weights.matrix(point, in: u).from(panel: share.lowerBound),
              into: products.matrix(point, in: m).from(panel: share.lowerBound), rows: block.tiles, panels: share.count, inner: c.inputs)
          }
          if c.kind == .transposed {
            transformInputs(c, m, products, part, block, into: target)
          } else {
            transformOutputs(c, m, products, part, block, epilogue, into: target)
          }
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

  /// Runs `body(point, range of panels)` for all products of a block, cut by panels where that gives all threads equal shares.
  private func overPoints(_ points: Int, panels: Int, _ body: (Int, Range<Int>) -> Void) {
    var cuts = 1
    while points * cuts % threads != 0 && panels / (cuts + 1) >= 4 { cuts += 1 }
    Parallel.forEach(points * cuts, threads: threads) { unit in
      body(unit / cuts, Parallel.share(unit % cuts, of: cuts, count: panels))
    }
  }

  /// Runs `body(workspace, panel, share of count)` so that all panels and all of 0..<count for each are done, cut so that threads have equal shares.
  private func overPanels(
    _ panels: Int, _ count: Int, _ tiling: WinogradTiling, mostCuts: Int = .max, _ body: (WinogradWorkspace, Int, Range<Int>) -> Void
  ) {
    let cuts = max(1, min(mostCuts, count, (4 * threads + panels - 1) / panels))
    Parallel.forEachChunk(panels * cuts, of: 1, threads: threads) { range in
      scratch.with(WinogradWorkspace.count(tiling)) { memory in
        let workspace = WinogradWorkspace(memory, tiling)
        for unit in range { body(workspace, unit / cuts, Parallel.share(unit % cuts, of: cuts, count: count)) }
      }
    }
  }

  /// Channels of the panel `panel` of `count` channels.
  private func lanes(_ panel: Int, of count: Int) -> Int { min(Panels.lanes, count - panel * Panels.lanes) }

  /// The block's tiles of the channels of `panels` (of `count` channels), transformed: a matrix of tiles x channels for each point.
  private func transformSources(
    _ tiling: WinogradTiling, _ x: UnsafePointer<Float>, panels: Range<Int>, of count: Int, _ block: WinogradTiling.Block,
    _ kind: WinogradTiling.Source, into target: UnsafeMutablePointer<Float>, _ matrices: PointPanels
  ) {
    let (transform, lane) = (tiling.transform, Panels.lanes)
    let step = kind == .filtered ? WinogradTransform.Step.input : .upstream
    overPanels(panels.count, block.strips.count, tiling) { workspace, index, strips in
      let panel = panels.lowerBound + index
      let (lanes, stride) = (lanes(panel, of: count), workspace.stride)
      tiling.overSlices(block.strips[strips]) { slice in
        let planes = x + (slice.strip.sample * count + panel * lane) * tiling.height * tiling.width
        tiling.gather(planes, lanes: lanes, slice, kind, into: workspace.first, stride: stride, instructions)
        transform.apply(step, workspace.first, stride, workspace.second, stride, vectors: tiling.pixels(slice, kind), instructions)
        transform.apply(
          step, workspace.second, tiling.dilation * lane, target + index * matrices.stride + slice.start * lane, matrices.pointStride,
          outer: .init(count: transform.inputs, from: stride, to: transform.inputs * matrices.pointStride),
          inner: .init(
            count: slice.tilesPerPhase.count, from: transform.outputs * tiling.dilation * lane, to: slice.strip.phases * lane),
          vectors: slice.strip.phases, instructions)
      }
    }
  }

  /// The weights of the result's channels in the panels `part`, transformed: for each point a matrix of source channels x result channels.
  private func transformWeights(
    _ c: WinogradCorrelation, _ weight: UnsafePointer<Float>, _ part: Range<Int>, into target: UnsafeMutablePointer<Float>, _ matrices: PointPanels
  ) {
    let (transform, lane) = (c.tiling.transform, Panels.lanes)
    overPanels(part.count, c.inputs, c.tiling) { workspace, index, rows in
      let panel = part.lowerBound + index
      let lanes = lanes(panel, of: c.outputs)
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: WinogradWorkspace.weightRows) {
        let count = min(WinogradWorkspace.weightRows, rows.upperBound - first)
        if c.kind != .forward {
          for row in 0..<count {
            let source = weight + ((first + row) * c.outputs + panel * lane) * 9
            instructions.interleave(source, stride: 9, lanes: lanes, into: workspace.first + row * 9 * lane, count: 9)
          }
        } else {
          let source = weight + (panel * lane * c.inputs + first) * 9
          instructions.interleave(source, stride: c.inputs * 9, lanes: lanes, into: workspace.first, count: count * 9)
        }
        // Flipped taps are read backwards.
        let (start, sign) = c.kind == .flipped ? (workspace.first + 8 * lane, -1) : (workspace.first, 1)
        let columns = 3 * transform.inputs * lane
        transform.apply(
          .weight, start, sign * 3 * lane, workspace.second, 3 * lane, outer: .init(count: count, from: 9 * lane, to: columns),
          inner: .init(count: 3, from: sign * lane, to: lane), vectors: 1, instructions)
        transform.apply(
          .weight, workspace.second, lane, target + index * matrices.stride + first * lane, matrices.pointStride,
          outer: .init(count: transform.inputs, from: 3 * lane, to: transform.inputs * matrices.pointStride),
          inner: .init(count: count, from: columns, to: lane), vectors: 1, instructions)
      }
    }
  }

  /// The products of the result's channels in the panels `part` back to pixels.
  private func transformOutputs(
    _ c: WinogradCorrelation, _ products: UnsafePointer<Float>, _ matrices: PointPanels, _ part: Range<Int>,
    _ block: WinogradTiling.Block, _ epilogue: Epilogue, into target: UnsafeMutablePointer<Float>
  ) {
    let (tiling, transform, lane) = (c.tiling, c.tiling.transform, Panels.lanes)
    overPanels(part.count, block.strips.count, tiling) { workspace, index, strips in
      let panel = part.lowerBound + index
      let lanes = lanes(panel, of: c.outputs)
      withBiases(epilogue, panel, lanes: lanes) { biases in
        tiling.overSlices(block.strips[strips]) { slice in
          let tiles = slice.tiles * lane
          transform.apply(
            .output, products + index * matrices.stride + slice.start * lane, transform.inputs * matrices.pointStride, workspace.second,
            transform.inputs * tiles, outer: .init(count: transform.inputs, from: matrices.pointStride, to: tiles), vectors: slice.tiles, instructions)
          transform.apply(
            .output, workspace.second, tiles, workspace.first, tiling.dilation * lane,
            outer: .init(count: transform.outputs, from: transform.inputs * tiles, to: workspace.stride),
            inner: .init(
              count: slice.tilesPerPhase.count, from: slice.strip.phases * lane, to: transform.outputs * tiling.dilation * lane),
            vectors: slice.strip.phases, instructions)
          let planes = target + (slice.strip.sample * c.outputs + panel * lane) * c.resultArea
          tiling.scatter(
            workspace.first, stride: workspace.stride, slice, bias: biases, relu: epilogue.relu, into: planes, lanes: lanes, instructions)
        }
      }
    }
  }

  /// The products of the result's channels in the panels `part` back to the pixels that forward's tiles read, added to those of other tiles.
  private func transformInputs(
    _ c: WinogradCorrelation, _ products: UnsafePointer<Float>, _ matrices: PointPanels, _ part: Range<Int>, _ block: WinogradTiling.Block,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (tiling, transform, lane) = (c.tiling, c.tiling.transform, Panels.lanes)
    // Strips may add to the same pixels.
    overPanels(part.count, block.strips.count, tiling, mostCuts: 1) { workspace, index, strips in
      let panel = part.lowerBound + index
      let (lanes, size) = (lanes(panel, of: c.outputs), transform.inputs)
      tiling.overSlices(block.strips[strips]) { slice in
        for tile in slice.tilesPerPhase {
          let (phases, slice) = (slice.strip.phases, WinogradTiling.Slice(strip: slice.strip, tilesPerPhase: tile..<tile + 1))
          transform.apply(
            .inputTranspose, products + index * matrices.stride + slice.start * lane, size * matrices.pointStride, workspace.second,
            size * phases * lane, outer: .init(count: size, from: matrices.pointStride, to: phases * lane), vectors: phases, instructions)
          transform.apply(
            .inputTranspose, workspace.second, phases * lane, workspace.first, tiling.dilation * lane,
            outer: .init(count: size, from: size * phases * lane, to: workspace.stride), vectors: phases, instructions)
          let planes = target + (slice.strip.sample * c.outputs + panel * lane) * c.resultArea
          tiling.scatterAdding(workspace.first, stride: workspace.stride, slice, into: planes, lanes: lanes)
        }
      }
    }
  }

  /// The biases of a panel's channels, zeros where there are none.
  private func withBiases(_ epilogue: Epilogue, _ panel: Int, lanes: Int, _ body: (UnsafePointer<Float>) -> Void) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: Panels.lanes) { biases in
      biases.update(repeating: 0)
      if !epilogue.biases.isEmpty {
        for lane in 0..<lanes { biases[lane] = epilogue.biases[panel * Panels.lanes + lane] }
      }
      if let base = biases.baseAddress { body(base) }
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
    (self.g, tiling, upstream) = (g, WinogradTiling(g, transform), WinogradTiling(upstreamOf: g, transform))
  }

  /// Panels of input and output channels that are worked on at a time, and tiles.
  fileprivate var parts: (inputs: [Range<Int>], outputs: [Range<Int>], tiles: Int) {
    let (side, points) = (16, tiling.transform.points * Panels.lanes * Panels.lanes)
    let inputs = ConvolutionGeometry.ranges(Panels.count(g.inputs), most: max(side, Self.matrixBudget / (points * Panels.count(g.outputs))))
    let most = inputs.map(\.count).max() ?? 1
    let outputs = ConvolutionGeometry.ranges(Panels.count(g.outputs), most: max(side, Self.matrixBudget / (points * most)))
    let rows = outputs.map(\.count).max() ?? 1
    return (inputs, outputs, min(512, max(128, Self.sourceBudget / (tiling.transform.points * Panels.lanes * max(most, rows)))))
  }

  /// The transformed input and upstream of a block and the sums of a part, at their largest.
  fileprivate func matrices(_ blocks: [WinogradTiling.Block]) -> (inputs: PointPanels, upstreams: PointPanels, sums: PointPanels) {
    let (parts, tiles) = (parts, blocks.map(\.tiles).max() ?? 0)
    let (columns, rows) = (parts.inputs.map(\.count).max() ?? 0, parts.outputs.map(\.count).max() ?? 0)
    let transform = tiling.transform
    return (
      PointPanels(transform, rows: tiles, panels: columns), PointPanels(transform, rows: tiles, panels: rows),
      PointPanels(transform, rows: rows * Panels.lanes, panels: columns)
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
              transformSources(w.tiling, x, panels: input, of: w.g.inputs, block, .filtered, into: v, inputs)
            }
            transformSources(w.upstream, dy, panels: output, of: w.g.outputs, block, .upstream, into: y, upstreams)
            overPoints(w.tiling.transform.points, panels: input.count) { point, share in
              instructions.multiplyTransposed(
                upstreams.matrix(point, in: y), inputs.matrix(point, in: v).from(panel: share.lowerBound),
                into: sums.matrix(point, in: s).from(panel: share.lowerBound), rows: output.count * Panels.lanes, panels: share.count,
                inner: block.tiles, adding: number > 0)
            }
          }
          finishWeights(w, s, sums, outputs: output, inputs: input, into: target)
        }
      }
    }
  }

  private func finishWeights(
    _ w: WinogradWeightGradient, _ sums: UnsafePointer<Float>, _ matrices: PointPanels, outputs: Range<Int>, inputs: Range<Int>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (transform, lane) = (w.tiling.transform, Panels.lanes)
    let rows = min(outputs.count * lane, w.g.outputs - outputs.lowerBound * lane)
    overPanels(inputs.count, rows, w.tiling) { workspace, index, rows in
      let panel = inputs.lowerBound + index
      let lanes = lanes(panel, of: w.g.inputs)
      withBiases(Epilogue(biases: [], relu: false), panel, lanes: lanes) { zeros in
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: WinogradWorkspace.weightRows) {
          let count = min(WinogradWorkspace.weightRows, rows.upperBound - first)
          transform.apply(
            .weightGradient, sums + index * matrices.stride + first * lane, transform.inputs * matrices.pointStride, workspace.second,
            transform.inputs * count * lane, outer: .init(count: transform.inputs, from: matrices.pointStride, to: count * lane), vectors: count, instructions)
          transform.apply(
            .weightGradient, workspace.second, count * lane, workspace.first, lane,
            outer: .init(count: 3, from: transform.inputs * count * lane, to: 3 * lane), inner: .init(count: count, from: lane, to: 9 * lane),
            vectors: 1, instructions)
          for row in 0..<count {
            let target = target + ((outputs.lowerBound * lane + first + row) * w.g.inputs + panel * lane) * 9
            instructions.deinterleave(
              workspace.first + row * 9 * lane, count: 9, bias: zeros, relu: false, into: target, stride: 9, lanes: lanes)
          }
        }
      }
    }
  }
}
