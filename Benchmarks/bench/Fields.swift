import DenseCRF
import Foundations
import Imaging
import PSA
import Tensors

extension Case {
  static func field(_ width: Int = 500, _ height: Int = 375, labels: Int, name: String, target: Double? = nil) -> Case {
    Case(
      name: name, title: "CRF, \(width) x \(height), 10 iterations, \(labels) labels", unit: "image", items: 1,
      target: target, agreement: 2e-2,
      writeInputs: { try $0.writeField(width, height, labels: labels) },
      make: { try FieldWork($0, width: width, height: height, labels: labels, threads: $1) })
  }

  static let walk = Case(
    name: "walk", title: "random walk, 47 x 63 cells, 2 classes", unit: "image", items: 1, target: 100,
    writeInputs: { _ in },
    make: { try WalkWork($0, height: 47, width: 63, channels: 2, threads: $1) })
}

/// Lattices and ten mean-field iterations; the position-only lattice is kept between runs, as between images of one
/// size.
private final class FieldWork: Workload {
  private let image: RGBImage
  private let scores: Tensor
  private let threads: Int
  private let cache = DenseCRFCache()
  private var first: [Double] = []

  init(_ folder: InputFolder, width: Int, height: Int, labels: Int, threads: Int) throws {
    image = try RGBImage(contentsOf: folder.imagePath(width, height))
    scores = try folder.floats(folder.scoresPath(width, height, labels), [labels, height, width])
    self.threads = threads
  }

  private func refined(threads: Int, cache: DenseCRFCache?) throws -> Tensor {
    try DenseCRF(width: image.width, height: image.height, rgb: image.pixels, threads: threads, cache: cache).infer(
      probabilities: scores)
  }

  func check() throws -> String {
    let one = try refined(threads: 1, cache: nil)
    let several = try refined(threads: threads, cache: cache)
    try require(
      relativeDifference(several.values.map(Double.init), one.values.map(Double.init)), below: 1e-4,
      "CRF on \(threads) threads and on one")
    let area = image.width * image.height
    let values = several.values
    for pixel in stride(from: 0, to: area, by: 97) {
      let sum = stride(from: pixel, to: values.count, by: area).reduce(0) { $0 + Double(values[$1]) }
      try require(abs(sum - 1), below: 1e-5, "sum of the marginals")
    }
    return "marginals sum to 1; one thread and \(threads) agree"
  }

  func run() throws {
    let result = try refined(threads: threads, cache: cache)
    if first.isEmpty { first = strided(result.values, count: 4096) }
  }

  func sample() -> [[Double]] { [first] }
}

/// Coefficients from affinities, then 256 steps.
private final class WalkWork: Workload {
  private let height: Int
  private let width: Int
  private let threads: Int
  private let pairs = AffinityPairs()
  private let affinities: Tensor
  private let scores: Tensor
  private var result: [Float] = []

  init(_ folder: InputFolder, height: Int, width: Int, channels: Int, threads: Int) throws {
    (self.height, self.width, self.threads) = (height, width, threads)
    let starts = pairs.startCount(height: height, width: width)
    var numbers = NamedNumbers("affinities")
    let count = pairs.offsets.count * starts
    affinities = Tensor([pairs.offsets.count, starts], (0..<count).map { _ in 0.5 + 0.5 * numbers.unit() })
    numbers = NamedNumbers("scores")
    scores = Tensor([channels, height, width], (0..<channels * height * width).map { _ in numbers.unit() })
  }

  func run() throws {
    result = try RandomWalk(affinities: affinities, height: height, width: width).walk(scores, threads: threads).values
  }

  func check() throws -> String {
    try run()
    try require(relativeDifference(result.map(Double.init), naive()), below: 1e-5, "random walk")
    return "256 steps in double precision, pair by pair"
  }

  func sample() -> [[Double]] { [strided(result, count: 256)] }

  private func naive() -> [Double] {
    let area = height * width
    let (rows, columns) = pairs.starts(height: height, width: width)
    let values = affinities.values
    var links: [(from: Int, to: Int, weight: Double)] = []
    var sums = [Double](repeating: 1, count: area)
    for offset in pairs.offsets {
      for y in rows {
        for x in columns {
          let link = (
            from: y * width + x, to: (y + offset.dy) * width + x + offset.dx, weight: power(Double(values[links.count]))
          )
          links.append(link)
          sums[link.from] += link.weight
          sums[link.to] += link.weight
        }
      }
    }
    return (0..<scores.shape[0]).flatMap { channel -> [Double] in
      var current = scores.values[channel * area..<(channel + 1) * area].map(Double.init)
      for _ in 0..<256 {
        var next = current
        for link in links {
          next[link.from] += link.weight * current[link.to]
          next[link.to] += link.weight * current[link.from]
        }
        current = zip(next, sums).map { $0 / $1 }
      }
      return current
    }
  }

  private func power(_ x: Double) -> Double {
    let square = x * x
    return square * square * square * square
  }
}
