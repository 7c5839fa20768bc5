import Tensors
import Threads

/// The lengths of one convolution, and how its work is cut into tiles.
///
/// A tile is a range of output rows of one sample and a range of input channels; its column matrix has a row for each
/// (channel, kernel row, kernel column) and a column for each output pixel.
struct ConvolutionGeometry {
  let batch, inputs, height, width: Int
  let outputs, kernelHeight, kernelWidth: Int
  let outHeight, outWidth: Int
  let parameters: ConvolutionParameters

  init(input: Shape, weight: Shape, parameters: ConvolutionParameters) {
    let output = parameters.outputShape(input: input, weight: weight)
    (batch, inputs, height, width) = input.image
    (outputs, kernelHeight, kernelWidth) = (weight[0], weight[2], weight[3])
    (outHeight, outWidth) = (output[2], output[3])
    self.parameters = parameters
  }

  var area: Int { height * width }
  var outArea: Int { outHeight * outWidth }
  var kernelArea: Int { kernelHeight * kernelWidth }
  /// Length of one output channel's weights.
  var taps: Int { inputs * kernelArea }
  /// Elements of one input sample, and of one output sample.
  var inputCount: Int { inputs * area }
  var outputCount: Int { outputs * outArea }

  /// The input sample is its own column matrix: a 1x1 kernel that visits every pixel once.
  var isPointwise: Bool { kernelArea == 1 && parameters.stride == 1 && parameters.padding == 0 }

  /// OpenBLAS multiplies without packing its operands where rows x columns x inner is at most 10^6; packing is most
  /// of the work of a product with few channels. This is the number of pixels that keeps a tile's product within;
  /// `Int.max` where that is fewer than `least`.
  func smallProductPixels(least: Int) -> Int {
    let pixels = 1_000_000 / (outputs * taps)
    return pixels >= least ? pixels : Int.max
  }

  /// Cuts 0..<count into ranges of at most `most`, equal up to one.
  static func ranges(_ count: Int, most: Int) -> [Range<Int>] {
    let parts = (count + most - 1) / max(most, 1)
    return (0..<parts).map { Parallel.share($0, of: parts, count: count) }
  }

  /// Tiles whose column matrix holds at most about `budget` floats, of at least about `pixels` output pixels if the
  /// area has as many.
  ///
  /// The channels are cut only where rows of `pixels` do not fit otherwise. `parts` is the least number of row ranges
  /// asked for.
  func tiles(budget: Int, pixels: Int, parts: Int) -> (rows: [Range<Int>], channels: [Range<Int>]) {
    let fitting = min(max(budget / taps, pixels), smallProductPixels(least: 256))
    let mostRows = max(1, min(fitting / outWidth, (outHeight + parts - 1) / parts))
    let rows = Self.ranges(outHeight, most: mostRows)
    let mostChannels = max(1, budget / (mostRows * outWidth * kernelArea))
    return (rows, Self.ranges(inputs, most: mostChannels))
  }
}

/// How one kernel column meets the output columns of a row: [0, first) read the padding on the left, [first, last)
/// the input, the rest the padding on the right. Output column j reads input column j stride + offset.
struct ColumnSpan {
  let first, last, offset: Int

  init(_ g: ConvolutionGeometry, kernelColumn: Int) {
    let p = g.parameters
    offset = kernelColumn * p.dilation - p.padding
    // Rounding up of -offset / stride and of (width - offset) / stride.
    let low = offset >= 0 ? 0 : (-offset + p.stride - 1) / p.stride
    let high = g.width > offset ? (g.width - offset + p.stride - 1) / p.stride : 0
    first = min(low, g.outWidth)
    last = max(first, min(high, g.outWidth))
  }
}

extension ConvolutionGeometry {
  /// The position that a coordinate outside 0..<length mirrors to.
  @inline(__always)
  private func mirrored(_ position: Int, _ length: Int) -> Int {
    position < 0 ? -position : 2 * (length - 1) - position
  }

  /// The input row that an output row reads through a kernel row; nil where it is a row of zeros.
  @inline(__always)
  private func inputRow(_ outRow: Int, kernelRow: Int) -> Int? {
    let row = outRow * parameters.stride + kernelRow * parameters.dilation - parameters.padding
    if row >= 0 && row < height { return row }
    return parameters.paddingMode == .zero ? nil : mirrored(row, height)
  }

  /// Writes the column matrix of output rows `rows` and input channels `channels` of the sample at `x`; rows.count *
  /// outWidth columns.
  func gather(
    _ x: UnsafePointer<Float>, rows: Range<Int>, channels: Range<Int>, into columns: UnsafeMutablePointer<Float>
  ) {
    let spans = (0..<kernelWidth).map { ColumnSpan(self, kernelColumn: $0) }
    var target = columns
    for c in channels {
      for u in 0..<kernelHeight {
        for span in spans {
          for i in rows {
            if let row = inputRow(i, kernelRow: u) {
              gatherRow(x + (c * height + row) * width, span, into: target)
            } else {
              target.update(repeating: 0, count: outWidth)
            }
            target += outWidth
          }
        }
      }
    }
  }

  @inline(__always)
  private func gatherRow(_ source: UnsafePointer<Float>, _ span: ColumnSpan, into target: UnsafeMutablePointer<Float>) {
    let (stride, start) = (parameters.stride, source + span.offset)
    if stride == 1 {
      copyRow(start + span.first, target + span.first, span.last - span.first)
    } else {
      for j in span.first..<span.last { target[j] = start[j &* stride] }
    }
    if span.first > 0 || span.last < outWidth {
      fillPadding(source, span, 0..<span.first, target)
      fillPadding(source, span, span.last..<outWidth, target)
    }
  }

  @inline(__always)
  private func fillPadding(
    _ source: UnsafePointer<Float>, _ span: ColumnSpan, _ outColumns: Range<Int>, _ target: UnsafeMutablePointer<Float>
  ) {
    if parameters.paddingMode == .zero {
      for j in outColumns { target[j] = 0 }
    } else {
      for j in outColumns { target[j] = source[mirrored(j * parameters.stride + span.offset, width)] }
    }
  }

  /// The transpose of `gather`: adds each element of the column matrix to the input element it was read from.
  func scatter(
    _ columns: UnsafePointer<Float>, rows: Range<Int>, channels: Range<Int>, into x: UnsafeMutablePointer<Float>
  ) {
    let spans = (0..<kernelWidth).map { ColumnSpan(self, kernelColumn: $0) }
    var source = columns
    for c in channels {
      for u in 0..<kernelHeight {
        for span in spans {
          for i in rows {
            if let row = inputRow(i, kernelRow: u) { scatterRow(source, span, into: x + (c * height + row) * width) }
            source += outWidth
          }
        }
      }
    }
  }

  @inline(__always)
  private func scatterRow(
    _ source: UnsafePointer<Float>, _ span: ColumnSpan, into target: UnsafeMutablePointer<Float>
  ) {
    let (stride, start) = (parameters.stride, target + span.offset)
    if stride == 1 {
      addRow(source + span.first, start + span.first, span.last - span.first)
    } else {
      for j in span.first..<span.last { start[j &* stride] += source[j] }
    }
    if parameters.paddingMode == .reflect {
      for j in 0..<span.first { target[mirrored(j * stride + span.offset, width)] += source[j] }
      for j in span.last..<outWidth { target[mirrored(j * stride + span.offset, width)] += source[j] }
    }
  }
}

/// target = source, for rows too short for a library call to pay.
@inline(__always)
func copyRow(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
  var i = 0
  while i &+ 8 <= count {
    storeEight(loadEight(source + i), target + i)
    i &+= 8
  }
  while i < count {
    target[i] = source[i]
    i &+= 1
  }
}

/// target += source.
@inline(__always)
private func addRow(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
  var i = 0
  while i &+ 8 <= count {
    storeEight(loadEight(source + i) + loadEight(target + i), target + i)
    i &+= 8
  }
  while i < count {
    target[i] += source[i]
    i &+= 1
  }
}
