import Foundation
import LabelMasks
@_spi(HostMemory) import Tensors

// Channels that may win: of the classes of a batch, those that an image's labels name.
extension CPUKernels {
  public func argMax(_ scores: Tensor, among candidates: [[Int]]) -> LabelMask {
    let (batch, channels, height, width) = scores.shape.image
    requireCandidates(candidates, scores.shape)
    let area = height * width
    var labels = [UInt8](repeating: 0, count: batch * area)
    scores.read { source in
      for (n, candidates) in candidates.enumerated() {
        for i in 0..<area {
          var best = candidates[0]
          for channel in candidates.dropFirst()
          where source[(n * channels + channel) * area + i] > source[(n * channels + best) * area + i] {
            best = channel
          }
          labels[n * area + i] = UInt8(best)
        }
      }
    }
    return LabelMask(batch: batch, height: height, width: width, labels: labels)
  }

  public func adding(_ addend: Float, to x: Tensor, among candidates: [[Int]]) -> Tensor {
    let (_, channels, height, width) = x.shape.image
    requireCandidates(candidates, x.shape)
    let area = height * width
    return Tensor(filling: x.shape) { target in
      target.update(repeating: 0, count: x.count)
      x.read { source in
        for (n, candidates) in candidates.enumerated() {
          for channel in candidates {
            let start = (n * channels + channel) * area
            for i in start..<start + area { target[i] = source[i] + addend }
          }
        }
      }
    }
  }

  public func softmax(_ x: Tensor, among candidates: [[Int]], temperature: Float) -> Tensor {
    precondition(temperature > 0, "a temperature of \(temperature)")
    let (_, channels, height, width) = x.shape.image
    requireCandidates(candidates, x.shape)
    let area = height * width
    return Tensor(filling: x.shape) { target in
      target.update(repeating: 0, count: x.count)
      x.read { source in
        for (n, candidates) in candidates.enumerated() {
          for i in 0..<area {
            let positions = candidates.map { (n * channels + $0) * area + i }
            let highest = positions.reduce(-Float.infinity) { max($0, source[$1]) }
            var sum: Float = 0
            for position in positions {
              target[position] = exp((source[position] - highest) / temperature)
              sum += target[position]
            }
            for position in positions { target[position] /= sum }
          }
        }
      }
    }
  }

  private func requireCandidates(_ candidates: [[Int]], _ shape: Shape) {
    precondition(candidates.count == shape[0], "candidates of \(candidates.count) samples for \(shape)")
    for sample in candidates {
      precondition(
        !sample.isEmpty && sample.allSatisfy { (0..<shape[1]).contains($0) }, "candidates \(sample) for \(shape)")
    }
  }
}
