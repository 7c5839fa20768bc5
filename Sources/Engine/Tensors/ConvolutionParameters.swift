/// How a convolution visits its input. The kernel's size is the weight's; all values hold for both axes.
public struct ConvolutionParameters: Hashable, Sendable {
  /// What lies beyond the input's edge.
  public enum PaddingMode: String, Hashable, Sendable, Codable {
    /// Zeros.
    case zero
    /// The input mirrored at its first and last row and column, which are not repeated. Needs padding < height and
    /// width.
    case reflect
  }

  public var stride: Int
  public var dilation: Int
  public var padding: Int
  public var paddingMode: PaddingMode

  /// Precondition: stride, dilation >= 1, padding >= 0.
  public init(stride: Int = 1, dilation: Int = 1, padding: Int = 0, paddingMode: PaddingMode = .zero) {
    precondition(
      stride >= 1 && dilation >= 1 && padding >= 0, "stride \(stride), dilation \(dilation), padding \(padding)")
    self.stride = stride
    self.dilation = dilation
    self.padding = padding
    self.paddingMode = paddingMode
  }

  /// Length of the output along an axis: floor((length + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.
  ///
  /// Precondition: the result is at least 1.
  public func outputLength(_ length: Int, kernel: Int) -> Int {
    let span = length + 2 * padding - dilation * (kernel - 1) - 1
    precondition(span >= 0, "a kernel of \(kernel) with \(self) does not fit into length \(length)")
    return span / stride + 1
  }

  /// The output's shape for input batch x inputs x height x width and weight outputs x inputs x rows x columns.
  ///
  /// Precondition: equal `inputs`, the kernel fits, and reflected padding is smaller than height and width.
  public func outputShape(input: Shape, weight: Shape) -> Shape {
    let (batch, channels, height, width) = input.image
    precondition(weight.rank == 4 && weight[1] == channels, "weight \(weight) on input \(input)")
    precondition(paddingMode == .zero || padding < min(height, width), "reflected padding \(padding) of input \(input)")
    return [batch, weight[0], outputLength(height, kernel: weight[2]), outputLength(width, kernel: weight[3])]
  }
}
