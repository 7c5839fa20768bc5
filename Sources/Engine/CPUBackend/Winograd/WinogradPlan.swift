/// What is computed at a time: a 3x3 correlation of stride 1 or its transpose, that is the convolution and its
/// gradient by the input.
///
/// The transformed source of a block of tiles is kept while the result's channels pass in parts, and the transformed
/// weights of a part while its products are computed: the budgets below keep both in the caches.
struct WinogradCorrelation {
  enum Kind {
    /// The convolution: y = A' [(G w) * (B' x)] for every tile.
    case forward
    /// The gradient by the input, dx of dy, where the border is zeros: the correlation of dy with the weight turned
    /// by 180 degrees. The weight is then source channels x result channels.
    case flipped
    /// The gradient by the input where the border is mirrored: dx = B [(G w) * (A dy)], added up where tiles overlap.
    /// The correlation would compute the border too, to add it to the pixels that it mirrors, and take up to four
    /// times the products.
    case transposed
  }

  let kind: Kind
  /// The tiles of the result, or for `transposed` those of the convolution that this is the transpose of.
  let tiling: WinogradTiling
  /// How the source is cut: as `tiling`, or for `transposed` into tiles that lie side by side.
  let sourceTiling: WinogradTiling
  /// Channels of the source and of the result.
  let inputs, outputs: Int

  /// y of the geometry's x.
  init(forward geometry: ConvolutionGeometry, _ transform: WinogradTransform) {
    kind = .forward
    tiling = WinogradTiling(geometry, transform)
    sourceTiling = tiling
    (inputs, outputs) = (geometry.inputs, geometry.outputs)
  }

  /// dx of the geometry's dy. Precondition: padding <= 2 dilation, or the border is mirrored.
  init(inputGradient geometry: ConvolutionGeometry, _ transform: WinogradTransform) {
    let parameters = geometry.parameters
    if parameters.paddingMode == .reflect {
      kind = .transposed
      tiling = WinogradTiling(geometry, transform)
      sourceTiling = WinogradTiling(upstreamOf: geometry, transform)
    } else {
      kind = .flipped
      tiling = WinogradTiling(
        transform, batch: geometry.batch, height: geometry.outHeight, width: geometry.outWidth,
        padding: 2 * parameters.dilation - parameters.padding, mode: .zero, dilation: parameters.dilation)
      sourceTiling = tiling
    }
    (inputs, outputs) = (geometry.outputs, geometry.inputs)
  }

  var transform: WinogradTransform { tiling.transform }

  /// How tiles of the source are read.
  var sourceKind: WinogradSource.Kind { kind == .transposed ? .upstream : .filtered }

  /// Pixels of a channel of the result.
  var resultArea: Int { kind == .transposed ? tiling.height * tiling.width : tiling.outHeight * tiling.outWidth }

  /// Floats of the transformed source of a block, 64 MB: every part of the result reads it again.
  private static let sourceBudget = 16 << 20
  /// Floats of the transformed weights of a part, 16 MB: the products of all tiles of a block read them.
  private static let partBudget = 4 << 20

  /// Tiles of a block, at most.
  var mostTiles: Int { min(512, max(160, Self.sourceBudget / (transform.points * inputs))) }

  /// The result's channels, in panels, that are worked on at a time.
  var parts: [Range<Int>] {
    let most = Self.partBudget / (transform.points * inputs * Panels.lanes)
    return ConvolutionGeometry.ranges(Panels.count(outputs), most: max(4, most))
  }

  private var mostPanels: Int { parts.map(\.count).max() ?? 0 }

  /// A part's transformed weights, source channels x result channels per point, at their largest; whatever the
  /// image's size.
  var weightLayout: PointMatrices.Layout { PointMatrices.Layout(transform, rows: inputs, panels: mostPanels) }

  /// What the threads share: the transformed source of a block, tiles x source channels per point, and the products
  /// of a part, tiles x result channels per point, at their largest.
  func layouts(_ blocks: [WinogradTiling.Block]) -> (source: PointMatrices.Layout, products: PointMatrices.Layout) {
    let tiles = blocks.map(\.tiles).max() ?? 0
    return (
      PointMatrices.Layout(transform, rows: tiles, panels: Panels.count(inputs)),
      PointMatrices.Layout(transform, rows: tiles, panels: mostPanels)
    )
  }

  /// Floats of scratch memory that all threads share, weights included.
  var scratchCount: Int {
    let (source, products) = layouts(tiling.blocks(most: mostTiles))
    return source.count + weightLayout.count + products.count
  }
}

/// The gradient by the weight: dw = G' [sum over all tiles of (B' x) * (A dy)], per point one product of matrices
/// over the tiles.
struct WinogradWeightGradient {
  let geometry: ConvolutionGeometry
  /// Tiles of the input.
  let tiling: WinogradTiling
  /// The same tiles of the upstream, without a border.
  let upstreamTiling: WinogradTiling

  /// Floats of the sums of a part, and of the transformed input or upstream of a block: 16 MB each.
  private static let sumBudget = 4 << 20
  private static let sourceBudget = 4 << 20

  init(_ geometry: ConvolutionGeometry, _ transform: WinogradTransform) {
    self.geometry = geometry
    tiling = WinogradTiling(geometry, transform)
    upstreamTiling = WinogradTiling(upstreamOf: geometry, transform)
  }

  var transform: WinogradTransform { tiling.transform }

  /// What is worked on at a time: panels of input channels, panels of output channels, tiles of a block at most.
  struct Parts {
    let inputs, outputs: [Range<Int>]
    let tiles: Int

    fileprivate var mostInputs: Int { inputs.map(\.count).max() ?? 0 }
    fileprivate var mostOutputs: Int { outputs.map(\.count).max() ?? 0 }
  }

  var parts: Parts {
    // At least 256 channels at a time, else the transforms, which are done anew for every part, would outweigh the
    // products.
    let (least, points) = (16, transform.points)
    let panelPairs = Self.sumBudget / (points * Panels.lanes * Panels.lanes)
    let outputPanels = Panels.count(geometry.outputs)
    let inputs = ConvolutionGeometry.ranges(Panels.count(geometry.inputs), most: max(least, panelPairs / outputPanels))
    let mostInputs = inputs.map(\.count).max() ?? 1
    let outputs = ConvolutionGeometry.ranges(outputPanels, most: max(least, panelPairs / mostInputs))
    let mostPanels = max(mostInputs, outputs.map(\.count).max() ?? 1)
    let tiles = Self.sourceBudget / (points * Panels.lanes * mostPanels)
    return Parts(inputs: inputs, outputs: outputs, tiles: min(512, max(128, tiles)))
  }

  /// What the threads share: the transformed input and upstream of a block, tiles x channels per point, and the sums
  /// of a part, output channels x input channels per point, at their largest.
  struct Layouts {
    let input, upstream, sums: PointMatrices.Layout

    var count: Int { input.count + upstream.count + sums.count }
  }

  func layouts(_ blocks: [WinogradTiling.Block], _ parts: Parts) -> Layouts {
    let tiles = blocks.map(\.tiles).max() ?? 0
    return Layouts(
      input: PointMatrices.Layout(transform, rows: tiles, panels: parts.mostInputs),
      upstream: PointMatrices.Layout(transform, rows: tiles, panels: parts.mostOutputs),
      sums: PointMatrices.Layout(transform, rows: parts.mostOutputs * Panels.lanes, panels: parts.mostInputs))
  }

  /// Floats of scratch memory that all threads share.
  var scratchCount: Int {
    let parts = parts
    return layouts(tiling.blocks(most: parts.tiles), parts).count
  }
}
