import CPUBackend
import Foundation
import LabelMasks
import NeuralNet
import Tensors
import TestSupport
import Testing

@Suite("Golden: losses, batch norm, rates", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenNeuralNetTests {
  func context() -> Context { Context(kernels: CPUKernels(threads: 2), mode: .training) }

  /// Value and gradient of a loss.
  func evaluate(_ logits: Tensor, _ loss: (Variable) -> Variable) -> (value: Tensor, gradient: Tensor) {
    let input = context().input(logits)
    let result = loss(input)
    result.backward()
    return (result.value, input.gradient ?? Tensor(zeros: []))
  }

  @Test func crossEntropyLoss() throws {
    let golden = try Golden.open("ops")
    let cases = try golden.cases("cross_entropy")
    #expect(!cases.isEmpty)
    for name in cases {
      let (shape, labels) = try golden.labels("\(name)/target")
      let target = LabelMask(batch: shape[0], height: shape[1], width: shape[2], labels: labels)
      let (value, gradient) = evaluate(try golden.tensor("\(name)/logits")) { crossEntropy($0, target) }
      #expect(try golden.mismatch(gradient, "\(name)/dlogits") == nil)
      if try golden.doubles("\(name)/loss")[0].isNaN {
        #expect(value.item == 0, "documented: no labelled pixel gives 0")
      } else {
        #expect(try golden.mismatch(value, "\(name)/loss") == nil)
      }
    }
  }

  @Test func softMargin() throws {
    let golden = try Golden.open("ops")
    let cases = try golden.cases("multilabel_soft_margin")
    #expect(!cases.isEmpty)
    for name in cases {
      let target = try golden.tensor("\(name)/target")
      let (value, gradient) = evaluate(try golden.tensor("\(name)/logits")) { softMarginLoss($0, target) }
      #expect(try golden.mismatch(value, "\(name)/loss") == nil)
      #expect(try golden.mismatch(gradient, "\(name)/dlogits") == nil)
    }
  }

  @Test func balancedDifference() throws {
    let golden = try Golden.open("ops")
    let cases = try golden.cases("sig_mask_loss")
    #expect(!cases.isEmpty)
    for name in cases {
      let (logits, mask) = (try golden.tensor("\(name)/logits"), try golden.tensor("\(name)/mask"))
      let (value, gradient) = evaluate(logits) { balancedDifferenceLoss($0, mask) }
      let stored = try golden.doubles("\(name)/loss")[0]
      if name.hasSuffix("extreme") {
        try compareExtreme(golden, name, logits: logits, mask: mask, value: value, gradient: gradient)
        continue
      }
      #expect(try golden.mismatch(gradient, "\(name)/dlogits") == nil)
      if stored.isNaN {
        #expect(value.item.isFinite)
      } else {
        #expect(try golden.mismatch(value, "\(name)/loss") == nil)
      }
    }
  }

  /// Logits beyond 15 differ by design: ours are not clamped. The others are compared as usual, and the loss against
  /// the clamped form's excess, computed here.
  private func compareExtreme(
    _ golden: GoldenFile, _ name: String, logits: Tensor, mask: Tensor, value: Tensor, gradient: Tensor
  ) throws {
    let (x, t) = (logits.values, mask.values)
    let expected = try golden.doubles("\(name)/dlogits")
    let tolerance = try #require(try golden.tolerance("\(name)/dlogits"))
    let ordinary = x.indices.filter { abs(x[$0]) < 15 }
    #expect(ordinary.count > x.count / 2)
    for i in ordinary { #expect(abs(Double(gradient.values[i]) - expected[i]) <= tolerance) }
    let counts = DifferenceCounts(mask, kernels: CPUKernels(threads: 2))
    var excess = 0.0
    for i in x.indices where abs(x[i]) >= 15 {
      let wrongBy = Double(t[i] == 0 ? x[i] : -x[i])
      let stable = max(wrongBy, 0) + log1p(exp(-abs(wrongBy)))
      let sigmoid = 1 / (1 + exp(-x[i]))
      let clamped = -max(Double(log(t[i] == 0 ? 1 - sigmoid : sigmoid)), -100)
      excess += 0.5 * (stable - clamped) / Double(t[i] == 0 ? counts.equal : counts.different)
      let weight = 0.5 / Double(t[i] == 0 ? counts.equal : counts.different)
      let slope = weight / (1 + exp(-wrongBy)) * (t[i] == 0 ? 1 : -1)
      #expect(abs(Double(gradient.values[i]) - slope) <= tolerance)
    }
    #expect(
      abs(Double(value.item) - excess - (try golden.doubles("\(name)/loss")[0]))
        <= (try golden.tolerance("\(name)/loss") ?? 0))
  }

  @Test(arguments: [false, true])
  func frozenBatchNorm(frozenAffine: Bool) throws {
    let golden = try Golden.open("ops")
    let cases = try golden.cases("batchnorm")
    #expect(!cases.isEmpty)
    for name in cases {
      let x = try golden.tensor("\(name)/x")
      let layer = BatchNorm2D(name: "bn", channels: x.shape[1], epsilon: Float(try golden.double("eps", of: name)))
      for parameter in layer.parameters {
        parameter.value = try golden.tensor("\(name)/\(parameter.name.dropFirst(3))")
      }
      layer.freeze(frozenAffine)
      let input = context().input(x)
      let output = layer(input)
      #expect(try golden.mismatch(output.value, "\(name)/y") == nil)
      output.backward(try golden.tensor("\(name)/dy"))
      #expect(try golden.mismatch(try #require(input.gradient), "\(name)/dx") == nil)
      if frozenAffine { continue }
      #expect(try golden.mismatch(try #require(layer.weight.gradient), "\(name)/dweight") == nil)
      #expect(try golden.mismatch(try #require(layer.bias.gradient), "\(name)/dbias") == nil)
    }
  }

  @Test func convolutionLayer() throws {
    let golden = try Golden.open("ops")
    for name in try golden.cases("conv") {
      let (x, w) = (try golden.tensor("\(name)/x"), try golden.tensor("\(name)/w"))
      let hasBias = golden.contains("\(name)/b")
      let mode = try #require(ConvolutionParameters.PaddingMode(rawValue: try golden.string("padding_mode", of: name)))
      let layer = Convolution2D(
        name: "c", in: w.shape[1], out: w.shape[0], kernel: w.shape[2], stride: try golden.integer("stride", of: name),
        dilation: try golden.integer("dilation", of: name), padding: try golden.integer("padding", of: name),
        paddingMode: mode,
        bias: hasBias)
      layer.weight.value = w
      if hasBias { layer.bias?.value = try golden.tensor("\(name)/b") }
      let input = context().input(x)
      let output = layer(input)
      #expect(try golden.mismatch(output.value, "\(name)/y") == nil)
      output.backward(try golden.tensor("\(name)/dy"))
      #expect(try golden.mismatch(try #require(input.gradient), "\(name)/dx") == nil)
      #expect(try golden.mismatch(try #require(layer.weight.gradient), "\(name)/dw") == nil)
      if hasBias { #expect(try golden.mismatch(try #require(layer.bias?.gradient), "\(name)/db") == nil) }
    }
  }

  @Test func cosineRates() throws {
    let golden = try Golden.open("static_step")
    let rows = try golden.integers("lr_schedule/epoch_step_steps")
    let schedule = CosineSchedule(
      base: try golden.double("base_lr", of: "lr_schedule"), epochs: 1,
      rampDown: try golden.integer("rampdown_epochs", of: "lr_schedule"))
    let rates = stride(from: 0, to: rows.count, by: 3).map {
      schedule.rate(epoch: rows[$0], step: rows[$0 + 1], of: rows[$0 + 2])
    }
    #expect(try golden.mismatch(rates, "lr_schedule/lr") == nil)
  }
}
