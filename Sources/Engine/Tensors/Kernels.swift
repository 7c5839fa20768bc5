import Foundations
import LabelMasks

/// Everything numeric that networks do. The one seam between networks and machines: another implementation (a GPU)
/// replaces `CPUKernels`.
///
/// Images are batch x channels x height x width. "Upstream" is the loss's derivative by a kernel's output; gradients
/// have the shape of what they are taken by. Results depend on the arguments, and on how the implementation was made
/// (such as its number of threads), alone. All shape mismatches are preconditions.
public protocol Kernels: Sendable {
  // MARK: Convolution

  /// Cross-correlation: y[n,o,i,j] = bias[o] + sum over c,u,v of weight[o,c,u,v] x[n, c, i stride + u dilation -
  /// padding, j ...].
  ///
  /// `weight` is outputs x inputs x rows x columns, `bias` is [outputs]; the output's shape is
  /// `parameters.outputShape`. With `relu` negative results are replaced by 0, and the caller passes
  /// `reluGradient(output:upstream:)` to `convolutionGradients`.
  func convolution(_ x: Tensor, weight: Tensor, bias: Tensor?, parameters: ConvolutionParameters, relu: Bool) -> Tensor

  /// The gradients of `convolution` (without relu) that `wants` names. Only the shape of `x` is used unless the
  /// weight's is wanted.
  func convolutionGradients(
    _ x: Tensor, weight: Tensor, upstream: Tensor, parameters: ConvolutionParameters, wants: ConvolutionWants
  ) -> ConvolutionGradients

  // MARK: Normalisation

  /// y = scale[c] x + shift[c], then with `relu` max(0, y): a batch norm with fixed statistics, folded. `x` has rank
  /// >= 2.
  func scaleShift(_ x: Tensor, scale: Tensor, shift: Tensor, relu: Bool) -> Tensor

  /// The gradients of `scaleShift` by x, scale and shift. With `relu` the upstream counts only where `output` > 0;
  /// without, `output` is not read. `x` is read for the scale's gradient only.
  func scaleShiftGradients(
    _ x: Tensor, scale: Tensor, output: Tensor, upstream: Tensor, relu: Bool, wants: ScaleShiftWants
  ) -> ScaleShiftGradients

  /// Mean and biased variance (division by the count) of each channel over batch and area, [channels] each, summed in
  /// double precision.
  func batchStatistics(_ x: Tensor) -> (mean: Tensor, variance: Tensor)

  /// The gradients of y = weight (x - mean) / sqrt(variance + epsilon) + bias [, relu] by x, weight (`scale`) and
  /// bias (`shift`).
  ///
  /// `output` is read with `relu` only, as in `scaleShiftGradients`.
  func batchNormGradients(
    _ x: Tensor, statistics: ChannelStatistics, weight: Tensor, output: Tensor, upstream: Tensor, relu: Bool,
    wants: ScaleShiftWants
  ) -> ScaleShiftGradients

  /// The scale and shift that equal a batch norm with these statistics: weight / sqrt(variance + epsilon) and bias -
  /// mean scale. All [channels].
  func foldedBatchNorm(
    mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, epsilon: Float
  ) -> (scale: Tensor, shift: Tensor)

  /// running = (1 - share) running + share correction value: how a running statistic follows those of batches. Equal
  /// shapes.
  func follow(_ value: Tensor, with running: inout Tensor, share: Float, correction: Float)

  // MARK: Activations, any shape

  /// max(0, x).
  func relu(_ x: Tensor) -> Tensor
  /// Upstream where the output is positive, else 0: the derivative at 0 is 0.
  func reluGradient(output: Tensor, upstream: Tensor) -> Tensor
  /// x for x > 0, else exp(x) - 1.
  func elu(_ x: Tensor) -> Tensor
  func eluGradient(output: Tensor, upstream: Tensor) -> Tensor
  /// 1 / (1 + exp(-x)), without overflow.
  func sigmoid(_ x: Tensor) -> Tensor
  func sigmoidGradient(output: Tensor, upstream: Tensor) -> Tensor
  /// exp(x) / sum of exp over axis 1, with the maximum subtracted. Rank >= 2.
  func softmax(_ x: Tensor) -> Tensor
  func softmaxGradient(output: Tensor, upstream: Tensor) -> Tensor
  /// x - log(sum of exp over axis 1). Rank >= 2.
  func logSoftmax(_ x: Tensor) -> Tensor
  func logSoftmaxGradient(output: Tensor, upstream: Tensor) -> Tensor

  // MARK: Pooling and resizing

  /// Maximum over kernel x kernel windows; padding never wins (padding <= kernel / 2).
  ///
  /// Output length: floor or, with `ceilMode`, ceiling of (length + 2 padding - kernel) / stride, plus 1; a window
  /// that would start beyond input and left padding is dropped. `positions` holds, for each output element, the
  /// position row * width + column within its input plane; of equal values the first in row-major order wins. A NaN
  /// in the window wins.
  func maxPool(_ x: Tensor, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) -> (
    output: Tensor, positions: PoolPositions
  )
  func maxPoolGradient(positions: PoolPositions, upstream: Tensor, inputShape: Shape) -> Tensor
  /// Mean over kernel x kernel windows, stride = kernel; incomplete windows at the right and bottom are dropped.
  func averagePool(_ x: Tensor, kernel: Int) -> Tensor
  func averagePoolGradient(upstream: Tensor, kernel: Int, inputShape: Shape) -> Tensor
  /// Mean of each plane: batch x channels x 1 x 1.
  func globalAveragePool(_ x: Tensor) -> Tensor
  func globalAveragePoolGradient(upstream: Tensor, inputShape: Shape) -> Tensor
  /// Bilinear interpolation with half-pixel centres (`align_corners=False`): the source of output i is max(0, (i +
  /// 0.5) in/out - 0.5), clamped at the last pixel. No antialiasing when shrinking. Rank 4.
  func resizeBilinear(_ x: Tensor, height: Int, width: Int) -> Tensor
  func resizeBilinearGradient(upstream: Tensor, inputShape: Shape) -> Tensor

  // MARK: Arithmetic and layout

  /// x + y, equal shapes.
  func add(_ x: Tensor, _ y: Tensor) -> Tensor
  /// x y element by element, equal shapes.
  func multiply(_ x: Tensor, _ y: Tensor) -> Tensor
  /// factor x.
  func scaled(_ x: Tensor, by factor: Float) -> Tensor
  /// target += factor y, equal shapes.
  func accumulate(_ y: Tensor, scaledBy factor: Float, into target: inout Tensor)
  /// x[n,c,...] factors[n,c]; factors are batch x channels (dropout of whole planes).
  func multiplyPlanes(_ x: Tensor, by factors: Tensor) -> Tensor
  /// Sum of all elements, in double precision.
  func sum(_ x: Tensor) -> Double
  /// Joins along axis 1; all other lengths equal, at least one tensor.
  func concatenate(_ tensors: [Tensor]) -> Tensor
  /// The inverse of `concatenate`. Precondition: the channels sum to those of `x`.
  func split(_ x: Tensor, channels: [Int]) -> [Tensor]
  /// x[n,c,i,j] + table[c,l], l the label of pixel (i,j) of sample n. `table` is 1 x channels x 1 x labels + 1: its
  /// last column is for void pixels.
  func addLabelled(_ x: Tensor, table: Tensor, labels: LabelMask) -> Tensor
  /// Its gradient by the table, of that shape: the sum of x[n,c,...] over the pixels of each label, in double
  /// precision.
  func labelSums(_ x: Tensor, labels: LabelMask, table: Shape) -> Tensor
  /// Columns in reverse order (the last axis); its own gradient.
  func flipHorizontally(_ x: Tensor) -> Tensor
  /// op(a) op(b), op transposing on request: matrices, rank 2.
  func matrixProduct(_ a: Tensor, _ b: Tensor, transposeA: Bool, transposeB: Bool) -> Tensor

  // MARK: Losses

  /// Sum over pixels with a label of -log softmax(logits)[label], in double precision.
  ///
  /// `logits` are batch x classes x height x width; labels are below the number of classes or `void` (precondition),
  /// which is left out.
  func crossEntropySum(_ logits: Tensor, labels: LabelMask, ignoring void: UInt8) -> Double
  /// factor times the gradient of `crossEntropySum`: factor (softmax - one-hot) at pixels with a label, else 0.
  func crossEntropyGradient(_ logits: Tensor, labels: LabelMask, ignoring void: UInt8, factor: Float) -> Tensor
  /// Sum of w (max(x, 0) - t x + log(1 + exp(-|x|))), in double precision: minus the logarithm of the logistic
  /// function of x where the target t is 1, of its complement where it is 0. Finite for finite x. Without `weights` w
  /// is 1; elements of weight 0 count nothing, whatever x.
  func binaryCrossEntropySum(_ logits: Tensor, targets: Tensor, weights: Tensor?) -> Double
  /// factor times the gradient of `binaryCrossEntropySum`: factor w (logistic(x) - t), of the shape of `logits`.
  func binaryCrossEntropyGradient(_ logits: Tensor, targets: Tensor, weights: Tensor?, factor: Double) -> Tensor
  /// Sum of -w log(p + epsilon), or with `complement` of -w log(1 - p + epsilon), in double precision.
  func logLossSum(_ probabilities: Tensor, weights: Tensor, complement: Bool, epsilon: Float) -> Double
  /// factor times the gradient of `logLossSum`, of the shape of `probabilities`.
  func logLossGradient(
    _ probabilities: Tensor, weights: Tensor, complement: Bool, epsilon: Float, factor: Double
  ) -> Tensor
  /// For each sample (row of axis 0) how many elements are 0 and how many are 1; other values count as neither.
  func zerosAndOnes(_ x: Tensor) -> [ZerosAndOnes]
  /// A tensor of x's shape: of sample n zeros[n] where x is 0, ones[n] where x is 1, else 0. With weights that depend
  /// on `zerosAndOnes` it balances rare elements against frequent ones.
  func weightsOfZerosAndOnes(_ x: Tensor, zeros: [Float], ones: [Float]) -> Tensor
  /// The first element that is NaN or infinite; nil where all are finite.
  func firstNonFinite(_ x: Tensor) -> Float?

  // MARK: Some channels of all

  /// The highest channel of each pixel among the sample's candidates; of equal values the one named first wins.
  ///
  /// `scores` are batch x channels x height x width; candidates are channel indices, one list per sample, none empty
  /// (precondition).
  func argMax(_ scores: Tensor, among candidates: [[Int]]) -> LabelMask
  /// x + addend in the sample's candidate channels, 0 in the others.
  func adding(_ addend: Float, to x: Tensor, among candidates: [[Int]]) -> Tensor
  /// The softmax of x / temperature over the sample's candidate channels alone, 0 in the others. Precondition:
  /// temperature > 0.
  func softmax(_ x: Tensor, among candidates: [[Int]], temperature: Float) -> Tensor

  // MARK: Pairs of cells

  /// exp(-1/C sum over channels of |f_end - f_start|) for every pair: batch x offsets x start cells in reading order.
  ///
  /// `features` are batch x C x height x width of the map that the pairs were made for, C >= 1 (precondition).
  func affinities(_ features: Tensor, pairs: CellPairs) -> Tensor
  /// The gradient of `affinities` by the features; where two features are equal the derivative of their distance is
  /// taken as 0.
  func affinityGradient(_ features: Tensor, pairs: CellPairs, affinities: Tensor, upstream: Tensor) -> Tensor

  // MARK: Dropout

  /// Factors for `multiplyPlanes`, samples x channels: 0 with probability `rate`, else 1 / (1 - rate). Each sample
  /// draws one number per channel, in order, from its own generator.
  func dropoutFactors(_ generators: [SeededGenerator], channels: Int, rate: Float) -> Tensor

  // MARK: Optimisation

  /// d = gradient + decay parameter; velocity = momentum velocity + d; parameter -= rate velocity. Without velocity d
  /// itself is the step (momentum is then not used). As PyTorch's SGD; its first step equals a zero velocity.
  func sgdStep(
    parameter: inout Tensor, gradient: Tensor, velocity: inout Tensor?, rate: Float, momentum: Float, decay: Float)
}

/// How many elements of a sample are 0, and how many are 1.
public struct ZerosAndOnes: Hashable, Sendable {
  public var zeros = 0
  public var ones = 0

  public init(zeros: Int = 0, ones: Int = 0) { (self.zeros, self.ones) = (zeros, ones) }
}

/// Which gradients of a convolution to compute.
public struct ConvolutionWants: Hashable, Sendable {
  public var input: Bool
  public var weight: Bool
  public var bias: Bool

  public init(input: Bool = true, weight: Bool = true, bias: Bool = true) {
    self.input = input
    self.weight = weight
    self.bias = bias
  }
}

/// The gradients of a convolution; nil where not wanted.
public struct ConvolutionGradients: Sendable {
  public var input: Tensor?
  public var weight: Tensor?
  public var bias: Tensor?

  public init(input: Tensor? = nil, weight: Tensor? = nil, bias: Tensor? = nil) {
    self.input = input
    self.weight = weight
    self.bias = bias
  }
}

/// The statistics that a batch norm normalises by.
public struct ChannelStatistics: Sendable {
  /// [channels] each.
  public var mean: Tensor
  public var variance: Tensor
  public var epsilon: Float
  /// True: mean and variance are constants. False: they are the batch's own (`Kernels.batchStatistics`), and the
  /// gradient by x runs through them.
  public var areFixed: Bool

  public init(mean: Tensor, variance: Tensor, epsilon: Float, areFixed: Bool) {
    (self.mean, self.variance, self.epsilon, self.areFixed) = (mean, variance, epsilon, areFixed)
  }
}

/// Which gradients of a per-channel scale and shift to compute.
public struct ScaleShiftWants: Hashable, Sendable {
  public var input: Bool
  public var scale: Bool
  public var shift: Bool

  public init(input: Bool = true, scale: Bool = true, shift: Bool = true) {
    self.input = input
    self.scale = scale
    self.shift = shift
  }
}

/// The gradients of a per-channel scale and shift; nil where not wanted.
public struct ScaleShiftGradients: Sendable {
  public var input: Tensor?
  /// [channels]
  public var scale: Tensor?
  /// [channels]
  public var shift: Tensor?

  public init(input: Tensor? = nil, scale: Tensor? = nil, shift: Tensor? = nil) {
    self.input = input
    self.scale = scale
    self.shift = shift
  }
}

extension Kernels {
  /// `convolution` without relu.
  public func convolution(_ x: Tensor, weight: Tensor, bias: Tensor?, parameters: ConvolutionParameters) -> Tensor {
    convolution(x, weight: weight, bias: bias, parameters: parameters, relu: false)
  }
}
