import CPUBackend
import LabelMasks
import Networks
import NeuralNet
import Tensors
import TestSupport
import Testing

/// Gradients against central differences of the loss sum(y * r), r fixed.
struct GradientTests {
  private let kernels = CPUKernels(threads: 1)

  /// The largest difference between analytic and numeric derivative over a few elements of every trained parameter,
  /// relative to the largest derivative of that parameter.
  private func worstError(_ module: any Module, _ forward: (Context) -> Variable) -> Float {
    func loss(_ context: Context) -> (Variable, Tensor) {
      let y = forward(context)
      return (y, GoldenGenerator(seed: 9).signed("r", y.shape))
    }
    func value() -> Double {
      let (y, r) = loss(Context(kernels: kernels, mode: .inference))
      return zip(y.value.values, r.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }
    module.zeroGradients()
    backward([loss(Context(kernels: kernels, mode: .training, dropout: false))])
    var worst: Float = 0
    for parameter in module.trainedParameters {
      guard let gradient = parameter.gradient?.values, let scale = gradient.map(abs).max(), scale > 0 else {
        return .infinity
      }
      for i in Set([0, gradient.count / 2, gradient.count - 1]) {
        let original = parameter.value
        let step: Float = 2e-3
        func shifted(_ delta: Float) -> Double {
          var values = original.values
          values[i] += delta
          parameter.value = Tensor(original.shape, values)
          return value()
        }
        let numeric = Float((shifted(step) - shifted(-step)) / Double(2 * step))
        parameter.value = original
        worst = max(worst, abs(numeric - gradient[i]) / scale)
      }
    }
    return worst
  }

  private func image(_ shape: Shape) -> Tensor { GoldenGenerator(seed: 5).signed("x", shape) }

  @Test func differenceNetwork() {
    let head = DDHead(name: "dd_head0", highLevel: 4, lowLevel: 3, out: 5)
    let net = DDNet(name: "dd0", classes: 3, channels: 5)
    let both = Both(parameters: head.parameters + net.parameters)
    fillForDifferences(both)
    freeScalesAndShifts(both)
    let mask = LabelMask(batch: 1, height: 4, width: 4, labels: [0, 0, 1, 1, 0, 2, 2, 1, 0, 0, 255, 1, 0, 1, 1, 1])
    let error = worstError(both) { context in
      let features = head(
        highLevel: context.constant(image([1, 4, 4, 4])), lowLevel: context.constant(image([1, 3, 4, 4])))
      return net(features: features, mask: context.constant(mask.oneHot(classes: 3)))
    }
    #expect(error < 0.02)
  }

  /// Two masks at once, without one-hot maps, against each alone by definition: logits, gradients of all parameters and
  /// of the features.
  @Test(arguments: [HeadStatistics.frozen, .batch])
  func differencesOfTwoMasksAtOnce(_ statistics: HeadStatistics) throws {
    let net = DDNet(name: "dd0", classes: 4, channels: 6, statistics: statistics)
    fillForDifferences(net)
    let masks = [3, 7].map { step in
      LabelMask(batch: 2, height: 5, width: 9, labels: (0..<90).map { $0 % 11 == 10 ? 255 : UInt8($0 / step % 4) })
    }
    func results(_ logits: (Context, Variable) -> [Variable]) throws -> [String: [Float]] {
      let context = Context(kernels: kernels, mode: .training, dropout: false)
      let features = context.input(image([2, 6, 5, 9]))
      net.zeroGradients()
      let outputs = logits(context, features)
      backward(zip(outputs, ["r", "s"]).map { ($0, GoldenGenerator(seed: 9).signed($1, $0.shape)) })
      var found = [
        "first": outputs[0].value.values, "second": outputs[1].value.values,
        "features": try #require(features.gradient).values,
      ]
      for parameter in net.trainedParameters { found[parameter.name] = try #require(parameter.gradient).values }
      return found
    }
    let single = try results { context, features in
      masks.map { net(features: features, mask: context.constant($0.oneHot(classes: 4))) }
    }
    let both = try results { net(features: $1, masks: masks) }
    #expect(Set(single.keys) == Set(both.keys))
    for (name, expected) in single {
      let scale = expected.map(abs).max() ?? 0
      let worst = zip(expected, both[name] ?? []).map { abs($0 - $1) }.max() ?? .infinity
      #expect(scale > 0 && worst < 1e-5 * scale, "\(name)")
    }
  }

  @Test(arguments: [
    BackboneSpecification(kind: .resnet38, width: 1.0 / 64, depth: 0.3), BackboneSpecification(kind: .squeezenet),
  ])
  func segmentationModel(_ backbone: BackboneSpecification) throws {
    let specification = NetworkSpecification(
      backbone: backbone, classes: 3, headChannels: 4, headDilation: 1, differenceChannels: 4)
    let model = try SegmentationNetwork(specification)
    model.initialise(seed: 1)
    // Only the ends of the network are nudged, and the trunk's first trained layer: the inner layers are the engine's
    // to test.
    model.freeze()
    let ends =
      model.headParameters.filter { $0.role == .weight || $0.role == .bias } + model.backbone.parameters.suffix(8)
    for parameter in ends where parameter.role == .weight { parameter.isFrozen = false }
    let error = worstError(model) { model.logits($0.constant(image([1, 3, 32, 32])), upsampling: 2) }
    #expect(error < 0.02)
  }

  private struct Both: Module { let parameters: [Parameter] }
}
