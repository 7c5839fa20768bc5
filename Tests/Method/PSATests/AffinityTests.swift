import CPUBackend
import Foundation
import Foundations
import LabelMasks
import NeuralNet
import PSA
import Tensors
import TestSupport
import Testing

private let kernels = CPUKernels(threads: 2)

private func random(_ shape: Shape, _ name: String, in range: ClosedRange<Float> = -1...1) -> Tensor {
  var generator = SeededGenerator(seed: 5, name)
  return Tensor(shape, (0..<shape.count).map { _ in generator.uniform(range) })
}

@Suite("Affinities") struct AffinityTests {
  @Test("34 offsets of radius 5, none of radius 1", arguments: [(1, 0), (2, 4), (3, 12), (5, 34)])
  func offsets(radius: Int, count: Int) {
    let offsets = AffinityPairs(radius: radius).offsets
    #expect(offsets.count == count)
    #expect(Set(offsets).count == count)
    for offset in offsets {
      #expect(offset.dy > 0 || (offset.dy == 0 && offset.dx > 0))
      #expect(offset.dx * offset.dx + offset.dy * offset.dy < radius * radius)
    }
  }

  @Test("small maps get a smaller radius", arguments: [(11, 20, 5), (10, 20, 4), (20, 7, 3), (2, 9, 1), (1, 1, 1)])
  func fitting(height: Int, width: Int, radius: Int) {
    let pairs = AffinityPairs().fitting(height: height, width: width)
    #expect(pairs.radius == radius)
    #expect(
      pairs.startCount(height: height, width: width) == max(0, height - radius + 1) * max(0, width - 2 * (radius - 1)))
  }

  @Test("exp of minus the mean distance", arguments: [(1, 3, 7, 9), (2, 5, 6, 11), (1, 1, 5, 9), (2, 4, 3, 4)])
  func naive(batch: Int, channels: Int, height: Int, width: Int) {
    let features = random([batch, channels, height, width], "features")
    for radius in [2, 3, 5] {
      let pairs = AffinityPairs(radius: radius)
      let (rows, columns) = pairs.starts(height: height, width: width)
      var expected: [Float] = []
      for n in 0..<batch {
        for offset in pairs.offsets {
          for y in rows {
            for x in columns {
              let distance = (0..<channels).reduce(Float(0)) {
                $0 + abs(features[n, $1, y + offset.dy, x + offset.dx] - features[n, $1, y, x])
              }
              expected.append(exp(-distance / Float(channels)))
            }
          }
        }
      }
      let shape: Shape = [batch, pairs.offsets.count, rows.count * columns.count]
      for threads in [1, 3] {
        #expect(
          mismatch(
            affinities(features, pairs: pairs, kernels: CPUKernels(threads: threads)), Tensor(shape, expected),
            tolerance: 1e-6) == nil)
      }
    }
  }

  @Test("gradient of the loss by finite differences", arguments: [(1, 3, 7, 10), (2, 2, 6, 12)])
  func finiteDifferences(batch: Int, channels: Int, height: Int, width: Int) {
    let features = random([batch, channels, height, width], "finite")
    var generator = SeededGenerator(seed: 2, "labels")
    let labels = LabelMask(
      batch: batch, height: height, width: width,
      labels: (0..<batch * height * width).map { _ in [0, 0, 1, 2, 255][generator.integer(0...4)] })
    let pairs = AffinityPairs(radius: 4)
    let targets = AffinityTargets(labels, pairs: pairs)
    func loss(_ values: Tensor, _ mode: Context.Mode) -> (Variable, Variable) {
      let context = Context(kernels: kernels, mode: mode)
      let input = context.input(values)
      return (input, AffinityLoss(affinities(input, pairs: pairs), targets).total)
    }
    let (input, total) = loss(features, .training)
    total.backward()
    let gradient = input.gradient ?? Tensor(zeros: [0])
    #expect(gradient.shape == features.shape)
    let h: Float = 2e-3
    for index in stride(from: 0, to: features.count, by: 3) {
      func moved(_ step: Float) -> Tensor {
        var values = features.values
        values[index] += step
        return Tensor(features.shape, values)
      }
      let (up, down) = (moved(h), moved(-h))
      let slope = (loss(up, .inference).1.value.item - loss(down, .inference).1.value.item) / (2 * h)
      let found = gradient.values[index]
      // Kinks of |x| within the step change the slope by their share of the pairs.
      #expect(abs(slope - found) < 2e-3, "element \(index): slope \(slope), gradient \(found)")
    }
  }

  @Test("micro-batches with the counts of the whole add up to its loss and gradient")
  func microBatches() {
    let features = random([3, 4, 8, 10], "micro")
    var generator = SeededGenerator(seed: 9, "labels")
    let labels = LabelMask(
      batch: 3, height: 8, width: 10, labels: (0..<240).map { _ in [0, 1, 255][generator.integer(0...2)] })
    let whole = AffinityTargets(labels)
    func run(_ range: Range<Int>) -> (loss: Float, gradient: [Float]) {
      let context = Context(kernels: kernels, mode: .training)
      let input = context.input(features.batch(range))
      let loss = AffinityLoss(affinities(input), AffinityTargets(labels.batch(range)), counts: whole.counts).total
      loss.backward()
      return (loss.value.item, input.gradient?.values ?? [])
    }
    let (loss, gradient) = run(0..<3)
    let parts = [run(0..<1), run(1..<3)]
    #expect(abs(loss - parts[0].loss - parts[1].loss) < 1e-6)
    #expect(zip(gradient, parts[0].gradient + parts[1].gradient).allSatisfy { abs($0 - $1) < 1e-7 })
  }

  @Test("no pairs, no loss")
  func nothing() {
    let context = Context(kernels: kernels, mode: .training)
    let input = context.input(random([1, 3, 7, 9], "void"))
    let loss = AffinityLoss(
      affinities(input), AffinityTargets(LabelMask(repeating: 255, batch: 1, height: 7, width: 9))
    ).total
    loss.backward()
    #expect(loss.value.item == 0)
    #expect(input.gradient == Tensor(zeros: [1, 3, 7, 9]))
    // A map too small for any pair.
    let small = context.input(random([1, 3, 2, 3], "small"))
    let none = AffinityLoss(affinities(small), AffinityTargets(LabelMask(repeating: 0, batch: 1, height: 2, width: 3)))
      .total
    none.backward()
    #expect(none.value.item == 0)
    #expect(small.gradient == Tensor(zeros: [1, 3, 2, 3]))
  }

  @Test("labels: confident class, confident background, neither, nothing")
  func labels() {
    // Columns: class by both, background by both, background by the low power alone, no score; class 2 by the low,
    // class 1 by the high.
    let low = Tensor([3, 1, 5], [0.1, 0.9, 0.6, 0, 0.1, 0.8, 0.1, 0.5, 0, 0.2, 0.1, 0, 0, 0, 0.3])
    let high = Tensor([3, 1, 5], [0.1, 0.9, 0.2, 0, 0.1, 0.8, 0.1, 0.5, 0, 0.4, 0.1, 0, 0, 0, 0.3])
    #expect(affinityLabels(low: low, high: high, kernels: kernels).labels == [1, 0, 255, 255, 2])
  }

  @Test("kinds of pairs")
  func targets() {
    let labels = LabelMask(batch: 1, height: 2, width: 4, labels: [0, 0, 1, 255, 0, 1, 1, 2])
    let targets = AffinityTargets(labels, pairs: AffinityPairs(radius: 2))
    // Starts: row 0, columns 1 and 2; offsets (0, 1), (1, -1), (1, 0) and (1, 1).
    #expect(targets.background.values == [0, 0, 1, 0, 0, 0, 0, 0])
    #expect(targets.foreground.values == [0, 0, 0, 1, 0, 1, 0, 0])
    #expect(targets.negative.values == [1, 0, 0, 0, 1, 0, 1, 1])
    #expect(targets.counts == AffinityTargets.Counts(background: 1, foreground: 2, negative: 4))
  }
}
