import Foundation
import LabelMasks
import Threads
@_spi(HostMemory) import Tensors

// Sums run over elements in order on one thread, in double precision: their bits depend on nothing else.
extension CPUKernels {
  // MARK: Cross entropy over labels

  public func crossEntropySum(_ logits: Tensor, labels: LabelMask, ignoring void: UInt8) -> Double {
    var sum = 0.0
    logSoftmax(logits).read { logs in
      forEachLabel(labels, of: logits.shape, ignoring: void) { sum -= Double(logs[$0]) }
    }
    return sum
  }

  public func crossEntropyGradient(
    _ logits: Tensor, labels: LabelMask, ignoring void: UInt8, factor: Float
  ) -> Tensor {
    let (batch, classes, area) = logits.shape.planes
    let factors = labels.labels.map { $0 == void ? 0 : factor }
    var gradient = softmax(logits)
    gradient.write { gradient in
      Parallel.forEach(batch * classes, threads: threads) { plane in
        let (start, pixels) = (plane * area, plane / classes * area)
        for i in 0..<area {
          gradient[start + i] = factors[pixels + i] == 0 ? 0 : factors[pixels + i] * gradient[start + i]
        }
      }
      forEachLabel(labels, of: logits.shape, ignoring: void) { gradient[$0] -= factor }
    }
    return gradient
  }

  /// The position in batch x classes x height x width of every labelled pixel's class.
  private func forEachLabel(_ labels: LabelMask, of shape: Shape, ignoring void: UInt8, _ body: (Int) -> Void) {
    let (batch, classes, area) = shape.planes
    precondition(
      batch == labels.batch && area == labels.height * labels.width, "\(labels.labels.count) labels for \(shape)")
    for n in 0..<batch {
      for pixel in 0..<area {
        let label = labels.labels[n * area + pixel]
        if label == void { continue }
        precondition(Int(label) < classes, "label \(label) with \(classes) classes")
        body((n * classes + Int(label)) * area + pixel)
      }
    }
  }

  // MARK: Elementwise losses

  public func binaryCrossEntropySum(_ logits: Tensor, targets: Tensor, weights: Tensor?) -> Double {
    precondition(targets.count == logits.count, "logits are \(logits.shape), targets \(targets.shape)")
    let factors = factors(weights, for: logits)
    var sum = 0.0
    forEachPair(logits, targets) { i, x, t in
      let w = Double(factors?[i] ?? 1)
      if w != 0 { sum += w * (max(x, 0) - t * x + log1p(exp(-abs(x)))) }
    }
    return sum
  }

  public func binaryCrossEntropyGradient(
    _ logits: Tensor, targets: Tensor, weights: Tensor?, factor: Double
  ) -> Tensor {
    let factors = factors(weights, for: logits)
    return Tensor(filling: logits.shape) { gradient in
      forEachPair(logits, targets) { i, x, t in
        let w = Double(factors?[i] ?? 1)
        gradient[i] = w == 0 ? 0 : Float(factor * w * (logistic(x) - t))
      }
    }
  }

  public func logLossSum(_ probabilities: Tensor, weights: Tensor, complement: Bool, epsilon: Float) -> Double {
    precondition(
      weights.count == probabilities.count, "probabilities are \(probabilities.shape), weights \(weights.shape)")
    var sum = 0.0
    forEachPair(probabilities, weights) { _, p, w in
      if w != 0 { sum -= w * log((complement ? 1 - p : p) + Double(epsilon)) }
    }
    return sum
  }

  public func logLossGradient(
    _ probabilities: Tensor, weights: Tensor, complement: Bool, epsilon: Float, factor: Double
  ) -> Tensor {
    let factor = factor * (complement ? 1 : -1)
    return Tensor(filling: probabilities.shape) { gradient in
      forEachPair(probabilities, weights) { i, p, w in
        gradient[i] = w == 0 ? 0 : Float(factor * w / ((complement ? 1 - p : p) + Double(epsilon)))
      }
    }
  }

  /// 1 / (1 + exp(-x)), without overflow.
  private func logistic(_ x: Double) -> Double {
    let e = exp(-abs(x))
    return x >= 0 ? 1 / (1 + e) : e / (1 + e)
  }

  private func factors(_ weights: Tensor?, for logits: Tensor) -> [Float]? {
    precondition(
      weights.map { $0.count == logits.count } ?? true, "logits are \(logits.shape), weights \(weights?.shape ?? [])")
    return weights?.values
  }

  /// Elements of equal position, widened.
  private func forEachPair(_ a: Tensor, _ b: Tensor, _ body: (Int, Double, Double) -> Void) {
    let count = a.count
    a.read { a in
      b.read { b in
        for i in 0..<count { body(i, Double(a[i]), Double(b[i])) }
      }
    }
  }

  // MARK: Balances

  public func zerosAndOnes(_ x: Tensor) -> [ZerosAndOnes] {
    let area = x.shape.rowCount
    return x.read { source in
      (0..<x.shape[0]).map { n in
        var counts = ZerosAndOnes()
        for i in n * area..<(n + 1) * area {
          if source[i] == 0 { counts.zeros += 1 } else if source[i] == 1 { counts.ones += 1 }
        }
        return counts
      }
    }
  }

  public func weightsOfZerosAndOnes(_ x: Tensor, zeros: [Float], ones: [Float]) -> Tensor {
    let area = x.shape.rowCount
    precondition(zeros.count == x.shape[0] && ones.count == x.shape[0], "\(zeros.count) weights for \(x.shape)")
    return Tensor(filling: x.shape) { target in
      x.read { source in
        for n in zeros.indices {
          for i in n * area..<(n + 1) * area { target[i] = source[i] == 0 ? zeros[n] : source[i] == 1 ? ones[n] : 0 }
        }
      }
    }
  }

  public func firstNonFinite(_ x: Tensor) -> Float? {
    x.read { source in (0..<x.count).first { !source[$0].isFinite }.map { source[$0] } }
  }
}
