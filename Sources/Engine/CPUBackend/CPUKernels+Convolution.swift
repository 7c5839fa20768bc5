import Threads
@_spi(HostMemory) import Tensors

/// Ways to compute a convolution or one of its gradients; `choose` is the one place where a shape is given its way.
package enum ConvolutionAlgorithm: String, CaseIterable, Sendable {
  /// 1x1: the sample is multiplied as it lies in memory.
  case pointwise
  /// Column matrices of tiles that stay in the second-level cache; computes every shape.
  case columns
  /// 3x3 of stride 1: F(4x4, 3x3), and F(5x5, 3x3).
  case winograd4, winograd5

  /// What is to be computed.
  package enum Pass: CaseIterable, Sendable { case forward, inputGradient, weightGradient }

  /// Whether this way computes the shape.
  func supports(_ g: ConvolutionGeometry, _ pass: Pass) -> Bool {
    let p = g.parameters
    switch self {
    case .pointwise: return g.isPointwise
    case .columns: return true
    case .winograd4, .winograd5:
      let isSquare = g.kernelHeight == 3 && g.kernelWidth == 3 && p.stride == 1
      // The gradient by the input has the padding 2 dilation - padding.
      return isSquare && (pass != .inputGradient || p.paddingMode == .reflect || p.padding <= 2 * p.dilation)
    }
  }

  /// The tiles of a Winograd way.
  var transform: WinogradTransform? {
    switch self {
    case .winograd4: .four
    case .winograd5: .five
    case .pointwise, .columns: nil
    }
  }

  /// The rule: what lies in memory as it is needed is multiplied there. Winograd where its products, with those
  /// wasted on incomplete tiles, are at most 0.55 of the direct ones, where there are channels enough for the
  /// transforms to be small beside the products, and tiles enough for the transform of the weight: few where it is
  /// kept, else 192, so that training on small maps has the smaller rounding of direct sums. Tiles of 5x5, whose
  /// rounding is twice that of 4x4, where they save a sixth of the products. Else columns.
  static func choose(
    _ g: ConvolutionGeometry, _ pass: Pass, override: ConvolutionAlgorithm? = nil, keepsWeights: Bool = false
  ) -> ConvolutionAlgorithm {
    if let override, override.supports(g, pass) { return override }
    if g.isPointwise { return .pointwise }
    guard Self.winograd4.supports(g, pass), min(g.inputs, g.outputs) >= 32 else { return .columns }
    func tiles(_ transform: WinogradTransform) -> Int {
      (pass == .inputGradient
        ? WinogradCorrelation(inputGradient: g, transform) : WinogradCorrelation(forward: g, transform)).tiling
        .tileCount
    }
    let (four, five) = (tiles(.four), tiles(.five))
    let (products, fewer) = (WinogradTransform.four.points * four, WinogradTransform.five.points * five)
    let best = 6 * fewer <= 5 * products ? fewer : products
    guard Double(best) <= 0.55 * Double(9 * g.batch * g.outArea), four >= (keepsWeights ? 48 : 192) else {
      return .columns
    }
    return best == products ? .winograd4 : .winograd5
  }

  /// The way that the rule chooses for these shapes.
  package static func choose(
    input: Shape, weight: Shape, _ parameters: ConvolutionParameters, _ pass: Pass
  ) -> ConvolutionAlgorithm {
    choose(ConvolutionGeometry(input: input, weight: weight, parameters: parameters), pass)
  }
}

extension CPUKernels {
  public func convolution(_ x: Tensor, weight: Tensor, bias: Tensor?, parameters: ConvolutionParameters, relu: Bool)
    -> Tensor
  {
    let g = ConvolutionGeometry(input: x.shape, weight: weight.shape, parameters: parameters)
    precondition(bias == nil || bias?.shape == [g.outputs], "bias of weight \(weight.shape)")
    let (epilogue, tensor) = (Epilogue(biases: bias?.values ?? [], relu: relu), weight)
    return Tensor(filling: [g.batch, g.outputs, g.outHeight, g.outWidth]) { target in
      x.read { x in
        weight.read { weight in
          let chosen = ConvolutionAlgorithm.choose(
            g, .forward, override: algorithm, keepsWeights: transformedWeights != nil)
          if let transform = chosen.transform {
            let correlation = WinogradCorrelation(forward: g, transform)
            let kept = keptWeights(correlation, of: tensor)
            correlateWinograd(correlation, x, weight: weight, kept: kept, epilogue, into: target)
          } else if chosen == .pointwise {
            convolvePointwise(g, x, weight, epilogue, into: target)
          } else {
            convolveByColumns(g, x, weight, epilogue, into: target)
          }
        }
      }
    }
  }

  public func convolutionGradients(
    _ x: Tensor, weight: Tensor, upstream: Tensor, parameters: ConvolutionParameters, wants: ConvolutionWants
  ) -> ConvolutionGradients {
    let g = ConvolutionGeometry(input: x.shape, weight: weight.shape, parameters: parameters)
    precondition(
      upstream.shape == [g.batch, g.outputs, g.outHeight, g.outWidth], "upstream \(upstream.shape) of \(x.shape)")
    var result = ConvolutionGradients()
    if wants.input {
      result.input = Tensor(filling: x.shape) { target in
        weight.read { weight in upstream.read { upstream in inputGradient(g, weight, upstream, into: target) } }
      }
    }
    if wants.weight {
      result.weight = Tensor(filling: weight.shape) { target in
        x.read { x in
          upstream.read { upstream in
            if let transform = ConvolutionAlgorithm.choose(g, .weightGradient, override: algorithm).transform {
              weightGradientWinograd(WinogradWeightGradient(g, transform), input: x, upstream: upstream, into: target)
            } else {
              weightGradient(g, x, upstream, into: target)
            }
          }
        }
      }
    }
    if wants.bias { result.bias = Tensor([g.outputs], channelSums(upstream).map { Float($0) }) }
    return result
  }

  private func inputGradient(
    _ g: ConvolutionGeometry, _ weight: UnsafePointer<Float>, _ upstream: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let chosen = ConvolutionAlgorithm.choose(g, .inputGradient, override: algorithm)
    if let transform = chosen.transform {
      let correlation = WinogradCorrelation(inputGradient: g, transform)
      correlateWinograd(
        correlation, upstream, weight: weight, kept: nil, Epilogue(biases: [], relu: false), into: target)
    } else if chosen == .pointwise {
      inputGradientPointwise(g, weight, upstream, into: target)
    } else {
      inputGradientByColumns(g, weight, upstream, into: target)
    }
  }
}

/// What follows the products of a tile while it is in the cache.
struct Epilogue {
  /// One a row, or none.
  let biases: [Float]
  let relu: Bool

  var isEmpty: Bool { biases.isEmpty && !relu }

  /// Adds their bias to each of `rows`, of which the first is at `target`, and replaces negative sums by 0.
  func apply(_ target: UnsafeMutablePointer<Float>, rows: Range<Int>, columns: Int, stride: Int) {
    if isEmpty { return }
    for row in rows {
      let (bias, target) = (biases.isEmpty ? 0 : biases[row], target + (row - rows.lowerBound) * stride)
      if relu {
        for i in 0..<columns {
          let value = target[i] + bias
          target[i] = value < 0 ? 0 : value
        }
      } else {
        for i in 0..<columns { target[i] += bias }
      }
    }
  }
}

extension CPUKernels {
  /// Floats of a tile's column matrix: with the product's other operands a second-level cache of 1 to 2 MiB.
  private static var columnBudget: Int { 256 * 1024 }

  // MARK: 1x1

  /// How a pointwise product of `rows` channels by a sample's pixels is cut: pixels, where an epilogue follows, into
  /// tiles whose channels, in and out, fit the cache, but not narrow for the product (`smallest` as in
  /// `smallProductPixels`); a sample into shares of pixels or, where OpenBLAS would spend more on packing the weight
  /// for each than on packing the pixels, of rows.
  private func pointwiseTiles(
    _ g: ConvolutionGeometry, rows: Int, smallest: Int, hasEpilogue: Bool
  ) -> (rows: [Range<Int>], pixels: [Range<Int>]) {
    let parts = g.batch >= threads ? 1 : (threads + g.batch - 1) / g.batch
    let fitting = hasEpilogue ? max(1024, Self.columnBudget / (g.inputs + g.outputs)) : Int.max
    let most = min(fitting, g.smallProductPixels(least: smallest))
    let cutsRows = rows > g.area && g.area <= most
    return (
      ConvolutionGeometry.ranges(rows, most: cutsRows ? (rows + parts - 1) / parts : rows),
      ConvolutionGeometry.ranges(g.area, most: cutsRows ? g.area : min(most, (g.area + parts - 1) / parts))
    )
  }

  /// Runs `body(sample, rows, pixels)` for every product.
  private func overPointwiseTiles(
    _ g: ConvolutionGeometry, rows: Int, smallest: Int, hasEpilogue: Bool, _ body: (Int, Range<Int>, Range<Int>) -> Void
  ) {
    let (shares, tiles) = pointwiseTiles(g, rows: rows, smallest: smallest, hasEpilogue: hasEpilogue)
    Parallel.forEach(g.batch * shares.count * tiles.count, threads: threads) { unit in
      let rest = unit / tiles.count
      body(rest / shares.count, shares[rest % shares.count], tiles[unit % tiles.count])
    }
  }

  private func convolvePointwise(
    _ g: ConvolutionGeometry, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ epilogue: Epilogue,
    into target: UnsafeMutablePointer<Float>
  ) {
    overPointwiseTiles(g, rows: g.outputs, smallest: 256, hasEpilogue: !epilogue.isEmpty) { n, rows, tile in
      let target = target + n * g.outputCount + rows.lowerBound * g.area + tile.lowerBound
      multiplyMatrices(
        Matrix(weight + rows.lowerBound * g.inputs, stride: g.inputs),
        Matrix(x + n * g.inputCount + tile.lowerBound, stride: g.area),
        into: MatrixTarget(target, stride: g.area), rows: rows.count, columns: tile.count, inner: g.inputs)
      epilogue.apply(target, rows: rows, columns: tile.count, stride: g.area)
    }
  }

  private func inputGradientPointwise(
    _ g: ConvolutionGeometry, _ weight: UnsafePointer<Float>, _ upstream: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    overPointwiseTiles(g, rows: g.inputs, smallest: 96, hasEpilogue: false) { n, rows, tile in
      multiplyMatrices(
        Matrix(weight + rows.lowerBound, stride: g.inputs, transposed: true),
        Matrix(upstream + n * g.outputCount + tile.lowerBound, stride: g.area),
        into: MatrixTarget(target + n * g.inputCount + rows.lowerBound * g.area + tile.lowerBound, stride: g.area),
        rows: rows.count, columns: tile.count, inner: g.outputs)
    }
  }

  // MARK: Columns

  private func convolveByColumns(
    _ g: ConvolutionGeometry, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ epilogue: Epilogue,
    into target: UnsafeMutablePointer<Float>
  ) {
    let parts = g.batch >= threads ? 1 : (threads + g.batch - 1) / g.batch
    let (rows, channels) = g.tiles(budget: Self.columnBudget, pixels: 320, parts: parts)
    let most = (rows.map(\.count).max() ?? 0) * g.outWidth * (channels.map(\.count).max() ?? 0) * g.kernelArea
    Parallel.forEachRange(g.batch * rows.count, threads: threads) { _, units in
      scratch.with(most) { columns in
        for unit in units {
          let (n, rows) = (unit / rows.count, rows[unit % rows.count])
          let target = target + n * g.outputCount + rows.lowerBound * g.outWidth
          let pixels = rows.count * g.outWidth
          for channels in channels {
            g.gather(x + n * g.inputCount, rows: rows, channels: channels, into: columns)
            multiplyMatrices(
              Matrix(weight + channels.lowerBound * g.kernelArea, stride: g.taps), Matrix(columns, stride: pixels),
              into: MatrixTarget(target, stride: g.outArea), rows: g.outputs, columns: pixels,
              inner: channels.count * g.kernelArea, adding: channels.lowerBound > 0)
          }
          epilogue.apply(target, rows: 0..<g.outputs, columns: pixels, stride: g.outArea)
        }
      }
    }
  }

  /// Units are (sample, channels): the tiles of a unit overlap in the input, so one thread adds them all, in order.
  private func inputGradientByColumns(
    _ g: ConvolutionGeometry, _ weight: UnsafePointer<Float>, _ upstream: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let parts = g.batch >= threads ? 1 : (threads + g.batch - 1) / g.batch
    let (rows, fitting) = g.tiles(budget: Self.columnBudget, pixels: 320, parts: 1)
    let channels =
      fitting.count < parts ? ConvolutionGeometry.ranges(g.inputs, most: (g.inputs + parts - 1) / parts) : fitting
    let most = (rows.map(\.count).max() ?? 0) * g.outWidth * (channels.map(\.count).max() ?? 0) * g.kernelArea
    Parallel.forEachRange(g.batch * channels.count, threads: threads) { _, units in
      scratch.with(most) { columns in
        for unit in units {
          let (n, channels) = (unit / channels.count, channels[unit % channels.count])
          let target = target + n * g.inputCount
          (target + channels.lowerBound * g.area).update(repeating: 0, count: channels.count * g.area)
          for rows in rows {
            let pixels = rows.count * g.outWidth
            multiplyMatrices(
              Matrix(weight + channels.lowerBound * g.kernelArea, stride: g.taps, transposed: true),
              Matrix(upstream + n * g.outputCount + rows.lowerBound * g.outWidth, stride: g.outArea),
              into: MatrixTarget(columns, stride: pixels),
              rows: channels.count * g.kernelArea, columns: pixels, inner: g.outputs)
            g.scatter(columns, rows: rows, channels: channels, into: target)
          }
        }
      }
    }
  }

  // MARK: Weights

  /// A small gradient is summed per thread over samples and rows, and the parts added in order; a large one is cut by
  /// input channels, so that each thread owns what it adds to.
  private func weightGradient(
    _ g: ConvolutionGeometry, _ x: UnsafePointer<Float>, _ upstream: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let count = g.outputs * g.taps
    let pixelTarget = 768
    if count <= 1 << 16 || g.inputs < threads {
      let (rows, channels) = g.tiles(
        budget: Self.columnBudget, pixels: pixelTarget, parts: g.batch >= threads ? 1 : threads)
      let units = g.batch * rows.count
      let parts = min(threads, units)
      scratch.with(count * parts) { sums in
        Parallel.forEachRange(units, threads: parts) { part, units in
          addWeightGradient(g, x, upstream, units: units, rows: rows, channels: channels, into: sums + part * count)
        }
        target.update(from: sums, count: count)
        for part in 1..<max(parts, 1) {
          let sums = sums + part * count
          for i in 0..<count { target[i] += sums[i] }
        }
      }
    } else {
      let share = (g.inputs + threads - 1) / threads
      // Pixels are summed over where they lie.
      let (rows, channels) =
        g.isPointwise
        ? ([0..<g.height], [0..<g.inputs]) : g.tiles(budget: Self.columnBudget, pixels: pixelTarget, parts: 1)
      let cut = ConvolutionGeometry.ranges(g.inputs, most: min(share, channels.map(\.count).max() ?? share))
      Parallel.forEachRange(cut.count, threads: threads) { _, range in
        addWeightGradient(
          g, x, upstream, units: 0..<g.batch * rows.count, rows: rows, channels: Array(cut[range]), into: target)
      }
    }
  }

  /// Sums the products of upstream and columns over `units` of (sample, rows) into the weights of `channels`; the
  /// first one overwrites.
  private func addWeightGradient(
    _ g: ConvolutionGeometry, _ x: UnsafePointer<Float>, _ upstream: UnsafePointer<Float>, units: Range<Int>,
    rows: [Range<Int>], channels: [Range<Int>], into target: UnsafeMutablePointer<Float>
  ) {
    let most = (rows.map(\.count).max() ?? 0) * g.outWidth * (channels.map(\.count).max() ?? 0) * g.kernelArea
    scratch.with(g.isPointwise ? 0 : most) { columns in
      for unit in units {
        let (n, rows) = (unit / rows.count, rows[unit % rows.count])
        let pixels = rows.count * g.outWidth
        for channels in channels {
          let right: Matrix
          if g.isPointwise {
            let start = n * g.inputCount + channels.lowerBound * g.area + rows.lowerBound * g.width
            right = Matrix(x + start, stride: g.area, transposed: true)
          } else {
            g.gather(x + n * g.inputCount, rows: rows, channels: channels, into: columns)
            right = Matrix(columns, stride: pixels, transposed: true)
          }
          multiplyMatrices(
            Matrix(upstream + n * g.outputCount + rows.lowerBound * g.outWidth, stride: g.outArea), right,
            into: MatrixTarget(target + channels.lowerBound * g.kernelArea, stride: g.taps), rows: g.outputs,
            columns: channels.count * g.kernelArea, inner: pixels, adding: unit > units.lowerBound)
        }
      }
    }
  }
}
