import Threads
@_spi(HostMemory) import Tensors

/// Memory of one thread for the two passes of a transform, first downwards and then across, over a slice of tiles or
/// over some rows of weights.
struct TransformBuffers {
  /// Rows of the weight matrices that are transformed at a time.
  static let weightRows = 16

  let first, second: LineBuffer

  private static func floatsOfOne(_ tiling: WinogradTiling) -> Int {
    let transform = tiling.transform
    let weights = weightRows * 3 * transform.inputs * Panels.lanes
    return max(weights, transform.inputs * tiling.linePixels * Panels.lanes)
  }

  /// Floats of both buffers.
  static func count(_ tiling: WinogradTiling) -> Int { 2 * floatsOfOne(tiling) }

  init(_ base: UnsafeMutablePointer<Float>, _ tiling: WinogradTiling) {
    let stride = tiling.linePixels * Panels.lanes
    first = LineBuffer(base: base, stride: stride)
    second = LineBuffer(base: base + Self.floatsOfOne(tiling), stride: stride)
  }
}

extension CPUKernels {
  // MARK: Forward and by input

  /// Computes the correlation block by block: source tiles to points, then for each part of the result's channels
  /// weights to points, products, and points back to pixels. README.md draws the way.
  ///
  /// - Parameters:
  ///   - source: batch x inputs x the source's pixels.
  ///   - weight: of the convolution, outputs x inputs x 3 x 3.
  ///   - kept: what `keptWeights` gave for this correlation; nil: weights are transformed here.
  ///   - target: batch x outputs x the result's pixels, all written.
  func correlateWinograd(
    _ plan: WinogradCorrelation, _ source: UnsafePointer<Float>, weight: UnsafePointer<Float>, kept: Storage?,
    _ epilogue: Epilogue, into target: UnsafeMutablePointer<Float>
  ) {
    let (parts, weightLayout) = (plan.parts, plan.weightLayout)
    let blocks = plan.tiling.blocks(most: plan.mostTiles)
    let layouts = plan.layouts(blocks)
    let source = WinogradSource(
      tiling: plan.sourceTiling, image: source, channels: plan.inputs, kind: plan.sourceKind)
    let result = WinogradTarget(tiling: plan.tiling, image: target, channels: plan.outputs)
    if plan.kind == .transposed {
      // Tiles are added to it.
      let count = plan.tiling.batch * plan.outputs * plan.resultArea
      overElements(count) { (target + $0.lowerBound).update(repeating: 0, count: $0.count) }
    }
    let ownWeights = kept == nil ? weightLayout.count : 0
    scratch.with(layouts.source.count + layouts.products.count + ownWeights) { memory in
      let points = layouts.source.at(memory)
      let products = layouts.products.at(memory + layouts.source.count)
      let own = memory + layouts.source.count + layouts.products.count
      for (index, block) in blocks.enumerated() {
        transformTiles(source, panels: 0..<layouts.source.panels, block, to: points)
        for (number, part) in parts.enumerated() {
          let weights = weightLayout.at(kept.map { $0.base + number * weightLayout.count } ?? own)
          // A single part's weights stay from block to block.
          if kept == nil && (parts.count > 1 || index == 0) { transformWeights(plan, weight, part, to: weights) }
          overPoints(plan.transform.points, panels: part.count) { point, share in
            instructions.multiply(
              points.matrix(point), weights.matrix(point, panel: share.lowerBound),
              into: products.matrix(point, panel: share.lowerBound),
              ProductSize(rows: block.tiles, panels: share.count, inner: plan.inputs))
          }
          if plan.kind == .transposed {
            addInputs(products, part, block, into: result)
          } else {
            putOutputs(products, part, block, epilogue, into: result)
          }
        }
      }
    }
  }

  /// All of the weight transformed, part after part, where these kernels keep it.
  func keptWeights(_ plan: WinogradCorrelation, of weight: Tensor) -> Storage? {
    guard let transformedWeights else { return nil }
    let (parts, layout) = (plan.parts, plan.weightLayout)
    return transformedWeights.memory(of: weight, in: plan.transform, count: parts.count * layout.count) { target in
      weight.read { weight in
        for (number, part) in parts.enumerated() {
          transformWeights(plan, weight, part, to: layout.at(target + number * layout.count))
        }
      }
    }
  }

  // MARK: Cutting work

  /// Runs `body(point, range of panels)` for all products of a block, cut by panels where that gives all threads
  /// equal shares.
  private func overPoints(_ points: Int, panels: Int, _ body: (Int, Range<Int>) -> Void) {
    var cuts = 1
    while points * cuts % threads != 0 && panels / (cuts + 1) >= 4 { cuts += 1 }
    Parallel.forEach(points * cuts, threads: threads) { unit in
      body(unit / cuts, Parallel.share(unit % cuts, of: cuts, count: panels))
    }
  }

  /// Runs `body(buffers, panel, share of count)` so that all panels and all of 0..<count for each are done, cut so
  /// that threads have equal shares.
  private func overPanels(
    _ panels: Int, _ count: Int, _ tiling: WinogradTiling, mostCuts: Int = .max,
    _ body: (TransformBuffers, Int, Range<Int>) -> Void
  ) {
    let cuts = max(1, min(mostCuts, count, (4 * threads + panels - 1) / panels))
    Parallel.forEachChunk(panels * cuts, of: 1, threads: threads) { range in
      scratch.with(TransformBuffers.count(tiling)) { memory in
        let buffers = TransformBuffers(memory, tiling)
        for unit in range { body(buffers, unit / cuts, Parallel.share(unit % cuts, of: cuts, count: count)) }
      }
    }
  }

  // MARK: The transforms

  /// The block's tiles of the channels of `panels`, transformed: row t of a point's matrix is tile t, its panel 0 the
  /// first of `panels`.
  private func transformTiles(
    _ source: WinogradSource, panels: Range<Int>, _ block: WinogradTiling.Block, to points: PointMatrices
  ) {
    let (tiling, transform, lane) = (source.tiling, source.tiling.transform, Panels.lanes)
    overPanels(panels.count, block.strips.count, tiling) { buffers, index, strips in
      let (pixels, half) = (buffers.first, buffers.second)
      tiling.overSlices(block.strips[strips]) { slice in
        source.gather(panel: panels.lowerBound + index, slice, into: pixels, instructions)
        // Down the columns: rows of pixels become rows of half-transformed pixels.
        transform.apply(
          source.step, StridedLines(pixels.base, element: pixels.stride),
          to: StridedLines(half.base, element: half.stride),
          LineCount(neighbours: source.pixels(slice)), instructions)
        // Across the rows: a line is one tile's; neighbouring phases are neighbouring tiles.
        transform.apply(
          source.step,
          StridedLines(
            half.base, element: tiling.dilation * lane, inner: transform.outputs * tiling.dilation * lane,
            outer: half.stride),
          to: StridedLines(
            points.vector(panel: index, row: slice.start), element: points.pointStride,
            inner: slice.strip.phases * lane, outer: transform.inputs * points.pointStride),
          LineCount(outer: transform.inputs, inner: slice.tilesPerPhase.count, neighbours: slice.strip.phases),
          instructions)
      }
    }
  }

  /// The weights of the result's channels in the panels `part`, transformed: row c of a point's matrix is source
  /// channel c.
  private func transformWeights(
    _ plan: WinogradCorrelation, _ weight: UnsafePointer<Float>, _ part: Range<Int>, to points: PointMatrices
  ) {
    let (transform, lane) = (plan.transform, Panels.lanes)
    // Of one row: nine taps, and three rows of taps with their columns transformed.
    let (taps, half) = (9 * lane, 3 * transform.inputs * lane)
    overPanels(part.count, plan.inputs, plan.tiling) { buffers, index, rows in
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: TransformBuffers.weightRows) {
        let rows = first..<min(rows.upperBound, first + TransformBuffers.weightRows)
        gatherWeights(plan, weight, panel: part.lowerBound + index, rows: rows, into: buffers.first.base)
        // The turned weight is read backwards, from the last tap on.
        let (start, sign) = plan.kind == .flipped ? (buffers.first.base + 8 * lane, -1) : (buffers.first.base, 1)
        transform.apply(
          .weight, StridedLines(start, element: sign * 3 * lane, inner: sign * lane, outer: taps),
          to: StridedLines(buffers.second.base, element: 3 * lane, inner: lane, outer: half),
          LineCount(outer: rows.count, inner: 3, neighbours: 1), instructions)
        transform.apply(
          .weight, StridedLines(buffers.second.base, element: lane, inner: half, outer: 3 * lane),
          to: StridedLines(
            points.vector(panel: index, row: first), element: points.pointStride, inner: lane,
            outer: transform.inputs * points.pointStride),
          LineCount(outer: transform.inputs, inner: rows.count, neighbours: 1), instructions)
      }
    }
  }

  /// The nine taps from each of the source channels `rows` to the sixteen result channels of `panel`, in vectors.
  private func gatherWeights(
    _ plan: WinogradCorrelation, _ weight: UnsafePointer<Float>, panel: Int, rows: Range<Int>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (lane, lanes) = (Panels.lanes, Panels.lanes(panel, of: plan.outputs))
    if plan.kind == .forward {
      let source = weight + (panel * lane * plan.inputs + rows.lowerBound) * 9
      instructions.interleave(source, stride: plan.inputs * 9, lanes: lanes, into: target, count: rows.count * 9)
    } else {
      // In the convolution's weight the result's channels are the inputs.
      for (index, row) in rows.enumerated() {
        let source = weight + (row * plan.outputs + panel * lane) * 9
        instructions.interleave(source, stride: 9, lanes: lanes, into: target + index * 9 * lane, count: 9)
      }
    }
  }

  /// The products of the result's channels in the panels `part` to outputs.
  private func putOutputs(
    _ products: PointMatrices, _ part: Range<Int>, _ block: WinogradTiling.Block, _ epilogue: Epilogue,
    into result: WinogradTarget
  ) {
    let (tiling, transform, lane) = (result.tiling, result.tiling.transform, Panels.lanes)
    overPanels(part.count, block.strips.count, tiling) { buffers, index, strips in
      let panel = part.lowerBound + index
      withPanelEpilogue(epilogue, panel, of: result.channels) { epilogue in
        tiling.overSlices(block.strips[strips]) { slice in
          let (half, pixels, tiles) = (buffers.second.base, buffers.first, slice.tiles * lane)
          transform.apply(
            .output,
            StridedLines(
              products.vector(panel: index, row: slice.start), element: transform.inputs * products.pointStride,
              outer: products.pointStride),
            to: StridedLines(half, element: transform.inputs * tiles, outer: tiles),
            LineCount(outer: transform.inputs, neighbours: slice.tiles), instructions)
          transform.apply(
            .output,
            StridedLines(half, element: tiles, inner: slice.strip.phases * lane, outer: transform.inputs * tiles),
            to: StridedLines(
              pixels.base, element: tiling.dilation * lane, inner: transform.outputs * tiling.dilation * lane,
              outer: pixels.stride),
            LineCount(outer: transform.outputs, inner: slice.tilesPerPhase.count, neighbours: slice.strip.phases),
            instructions)
          result.put(pixels, panel: panel, slice, epilogue, instructions)
        }
      }
    }
  }

  /// The products of the result's channels in the panels `part` to the pixels that the convolution's tiles read,
  /// added to those of other tiles.
  private func addInputs(
    _ products: PointMatrices, _ part: Range<Int>, _ block: WinogradTiling.Block, into result: WinogradTarget
  ) {
    let (tiling, transform, lane) = (result.tiling, result.tiling.transform, Panels.lanes)
    let size = transform.inputs
    // Strips may add to the same pixels, so one thread has all of a panel's.
    overPanels(part.count, block.strips.count, tiling, mostCuts: 1) { buffers, index, strips in
      let (half, pixels) = (buffers.second.base, buffers.first)
      tiling.overSlices(block.strips[strips]) { slice in
        // Tiles of one phase overlap, so they are added one by one.
        for tile in slice.tilesPerPhase {
          let slice = WinogradTiling.Slice(strip: slice.strip, tilesPerPhase: tile..<tile + 1)
          let phases = slice.strip.phases
          transform.apply(
            .inputTranspose,
            StridedLines(
              products.vector(panel: index, row: slice.start), element: size * products.pointStride,
              outer: products.pointStride),
            to: StridedLines(half, element: size * phases * lane, outer: phases * lane),
            LineCount(outer: size, neighbours: phases), instructions)
          transform.apply(
            .inputTranspose, StridedLines(half, element: phases * lane, outer: size * phases * lane),
            to: StridedLines(pixels.base, element: tiling.dilation * lane, outer: pixels.stride),
            LineCount(outer: size, neighbours: phases), instructions)
          result.add(pixels, panel: part.lowerBound + index, slice)
        }
      }
    }
  }

  /// The epilogue of the sixteen channels of `panel` of `channels`.
  private func withPanelEpilogue(
    _ epilogue: Epilogue, _ panel: Int, of channels: Int, _ body: (PanelEpilogue) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: Panels.lanes) { biases in
      biases.update(repeating: 0)
      if !epilogue.biases.isEmpty {
        for lane in 0..<Panels.lanes(panel, of: channels) {
          biases[lane] = epilogue.biases[panel * Panels.lanes + lane]
        }
      }
      if let base = biases.baseAddress { body(PanelEpilogue(biases: base, relu: epilogue.relu)) }
    }
  }

  // MARK: By weight

  /// Sums the products of transformed upstream and input over all tiles, part by part, and transforms the sums back.
  ///
  /// - Parameters:
  ///   - input: batch x inputs x height x width of the convolution.
  ///   - upstream: batch x outputs x the outputs' height x width.
  ///   - target: outputs x inputs x 3 x 3, all written.
  func weightGradientWinograd(
    _ plan: WinogradWeightGradient, input: UnsafePointer<Float>, upstream: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (parts, geometry) = (plan.parts, plan.geometry)
    let blocks = plan.tiling.blocks(most: parts.tiles)
    let layouts = plan.layouts(blocks, parts)
    let input = WinogradSource(tiling: plan.tiling, image: input, channels: geometry.inputs, kind: .filtered)
    let upstream = WinogradSource(
      tiling: plan.upstreamTiling, image: upstream, channels: geometry.outputs, kind: .upstream)
    scratch.with(layouts.count) { memory in
      let inputPoints = layouts.input.at(memory)
      let upstreamPoints = layouts.upstream.at(memory + layouts.input.count)
      let sums = layouts.sums.at(memory + layouts.input.count + layouts.upstream.count)
      for inputs in parts.inputs {
        for (index, outputs) in parts.outputs.enumerated() {
          for (number, block) in blocks.enumerated() {
            // The input of a single block stays for all parts of the outputs.
            if index == 0 || blocks.count > 1 { transformTiles(input, panels: inputs, block, to: inputPoints) }
            transformTiles(upstream, panels: outputs, block, to: upstreamPoints)
            overPoints(plan.transform.points, panels: inputs.count) { point, share in
              instructions.multiplyTransposed(
                upstreamPoints.matrix(point), inputPoints.matrix(point, panel: share.lowerBound),
                into: sums.matrix(point, panel: share.lowerBound),
                ProductSize(rows: outputs.count * Panels.lanes, panels: share.count, inner: block.tiles),
                adding: number > 0)
            }
          }
          putWeights(plan, sums, outputs: outputs, inputs: inputs, into: target)
        }
      }
    }
  }

  /// The sums of a part to taps: row o of a point's matrix is output channel o, its columns are input channels.
  private func putWeights(
    _ plan: WinogradWeightGradient, _ sums: PointMatrices, outputs: Range<Int>, inputs: Range<Int>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (transform, lane, channels) = (plan.transform, Panels.lanes, plan.geometry.inputs)
    let firstOutput = outputs.lowerBound * lane
    let rows = min(outputs.count * lane, plan.geometry.outputs - firstOutput)
    overPanels(inputs.count, rows, plan.tiling) { buffers, index, rows in
      let panel = inputs.lowerBound + index
      let (half, taps) = (buffers.second.base, buffers.first.base)
      withPanelEpilogue(Epilogue(biases: [], relu: false), panel, of: channels) { nothing in
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: TransformBuffers.weightRows) {
          let count = min(TransformBuffers.weightRows, rows.upperBound - first)
          let vectors = count * lane
          transform.apply(
            .weightGradient,
            StridedLines(
              sums.vector(panel: index, row: first), element: transform.inputs * sums.pointStride,
              outer: sums.pointStride),
            to: StridedLines(half, element: transform.inputs * vectors, outer: vectors),
            LineCount(outer: transform.inputs, neighbours: count), instructions)
          transform.apply(
            .weightGradient, StridedLines(half, element: vectors, inner: lane, outer: transform.inputs * vectors),
            to: StridedLines(taps, element: lane, inner: 9 * lane, outer: 3 * lane),
            LineCount(outer: 3, inner: count, neighbours: 1), instructions)
          for row in 0..<count {
            let target = target + ((firstOutput + first + row) * channels + panel * lane) * 9
            instructions.deinterleave(
              taps + row * 9 * lane, count: 9, nothing, into: target, stride: 9,
              lanes: Panels.lanes(panel, of: channels))
          }
        }
      }
    }
  }
}
