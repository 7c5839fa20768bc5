import CPUBackend
import LabelMasks
import Networks
import NeuralNet
import Tensors
import TestSupport
import Testing

@Suite(.enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenDDNetTests {
  private let context = Context(kernels: CPUKernels(threads: 2), mode: .training)

  @Test func differenceNetworkAndItsGradients() throws {
    let golden = try Golden.open("ddnet")
    let high = Shape(try golden.shape("dd/xa"))
    let low = Shape(try golden.shape("dd/xb"))
    let head = DDHead(name: "dd_head0", highLevel: high[1], lowLevel: low[1], out: try golden.shape("dd/head")[1])
    let net = DDNet(
      name: "dd0", classes: try golden.shape("dd/dmask_onehot")[1], channels: try golden.shape("dd/head")[1])
    for module in [head, net] as [any Module] {
      try fill(module, from: golden)
      freeScalesAndShifts(module)
    }
    let xa = context.input(golden.generator.signed("input/ddnet/xa", high))
    let xb = context.input(golden.generator.signed("input/ddnet/xb", low))
    #expect(try golden.mismatch(xa.value, "dd/xa", tolerance: 0) == nil)
    let (size, labels) = try golden.labels("dd/mask")
    let mask = LabelMask(batch: size[0], height: size[1], width: size[2], labels: labels)
    let oneHot = context.input(mask.oneHot(classes: try golden.shape("dd/dmask_onehot")[1]))

    // The features between head and net are made an input of their own, to see their gradient.
    let headOutput = head(highLevel: xa, lowLevel: xb)
    let features = context.input(headOutput.value)
    let logits = net(features: features, mask: oneHot)
    #expect(try golden.mismatch(features.value, "dd/head") == nil)
    #expect(try golden.mismatch(logits.value, "dd/out") == nil)

    logits.backward(golden.generator.signed("input/ddnet/dy", logits.shape))
    let gradient = try #require(features.gradient)
    headOutput.backward(gradient)
    #expect(try golden.mismatch(gradient, "dd/dhead") == nil)
    #expect(try golden.mismatch(try #require(oneHot.gradient), "dd/dmask_onehot") == nil)
    #expect(try golden.mismatch(try #require(xa.gradient), "dd/dxa") == nil)
    #expect(try golden.mismatch(try #require(xb.gradient), "dd/dxb") == nil)
    #expect(try gradientMismatches(Pair(head, net), golden, "dd") == [])
  }

  @Test func segmentationHeadAndItsGradients() throws {
    let golden = try Golden.open("ddnet")
    let inputs = Shape(try golden.shape("seg/x"))
    let head = SegmentationHead(
      name: "seg_main", in: inputs[1], hidden: try golden.shape("seg/seg_head")[1],
      classes: try golden.shape("seg/seg")[1])
    try fill(head, from: golden)
    freeScalesAndShifts(head)
    let x = context.input(golden.generator.signed("input/seg/x", inputs))
    let output = head(x)
    let (logits, highLevel) = (output.logits, output.highLevel)
    #expect(try golden.mismatch(logits.value, "seg/seg") == nil)
    #expect(try golden.mismatch(highLevel.value, "seg/seg_head") == nil)
    backward([
      (logits, golden.generator.signed("input/seg/dy", logits.shape)),
      (highLevel, golden.generator.signed("input/seg/dy_head", highLevel.shape, factor: 0.01)),
    ])
    #expect(try golden.mismatch(try #require(x.gradient), "seg/dx") == nil)
    #expect(try gradientMismatches(head, golden, "seg") == [])
  }

  private struct Pair: Module {
    let parameters: [Parameter]
    init(_ first: any Module, _ second: any Module) { parameters = first.parameters + second.parameters }
  }
}
