import TestSupport
import Scenes
import Datasets
import Foundation
import Foundations
import Imaging
import Testing

@Suite struct SyntheticScenesTests {
  /// The pixels of one scene and one mask: the same on every machine.
  @Test func knownPixels() {
    let scene = SyntheticScenes(width: 160, height: 120, seed: 1).scene(.init("train", 1000), index: 2)
    #expect(
      SHA256.hexadecimal(of: scene.image.pixels) == "65cca8a661e07214907e8cfdeeadede295000afa2e935c0c54fb4f0bfb441af1")
    #expect(
      SHA256.hexadecimal(of: scene.mask.labels) == "b5c9438fe9957ccbfb33053188673441fc2860b4ac0ec1998b98495459746603")
  }

  @Test func dependOnSeedSplitAndIndexAlone() {
    let scenes = SyntheticScenes(width: 64, height: 48, seed: 5)
    let scene = scenes.scene(.init("train", 1000), index: 3)
    #expect(scene == SyntheticScenes(width: 64, height: 48, seed: 5, splits: []).scene(.init("train", 1000), index: 3))
    #expect(scene != scenes.scene(.init("val", 1000), index: 3))
    #expect(scene != scenes.scene(.init("train", 1000), index: 8))
    #expect(scene != SyntheticScenes(width: 64, height: 48, seed: 6).scene(.init("train", 1000), index: 3))
  }

  @Test func showWhatTheyPromise() throws {
    let scenes = SyntheticScenes(width: 96, height: 72)
    var (pixels, byCount, total) = ([Int](repeating: 0, count: 256), [Int](repeating: 0, count: 6), 0)
    for index in 0..<60 {
      let scene = scenes.scene(.init("train", 1000), index: index)
      #expect(scene.labels.contains(index % 5 + 1))
      #expect((1...3).contains(scene.labels.count))
      byCount[scene.labels.count] += 1
      for label in scene.mask.labels { pixels[Int(label)] += 1 }
      total += scene.mask.labels.count
      #expect(Set(scene.image.pixels).count > 60)
    }
    #expect(byCount[1] > 12 && byCount[2] > 12 && byCount[3] > 0)
    let objects = pixels[1...5].reduce(0, +)
    #expect((total / 20...total / 2).contains(objects))
    #expect(pixels[1...5].allSatisfy { $0 > objects / 20 })
    #expect(pixels[6..<255].allSatisfy { $0 == 0 })
  }

  /// A class must not be told by its surroundings: pairs share a background, and empty scenes have it too.
  @Test func backgroundsAreSharedByPairsAndByEmptyScenes() {
    let scenes = SyntheticScenes(width: 96, height: 72, seed: 3)
    let split = SyntheticScenes.Split("train", 12, emptyCount: 3)
    for index in 12..<15 {
      let scene = scenes.scene(split, index: index)
      #expect(scene.labels.isEmpty)
      #expect(scene.mask.labels.allSatisfy { $0 == 0 })
    }
    // Clutter, light and the camera differ, so backgrounds are compared by the hue of their mean.
    let hues = (0..<15).map { Self.meanHue(of: scenes.scene(split, index: $0)) }
    func distance(_ a: Int, _ b: Int) -> Float {
      let difference = hues[a] - hues[b]
      return abs(difference.x) + abs(difference.y) + abs(difference.z)
    }
    let same = (0..<3).map { distance(2 * $0, 2 * $0 + 1) + distance(2 * $0, 12 + $0) }
    let others = (0..<3).map { distance(2 * $0, 2 * $0 + 3) + distance(2 * $0, 12 + ($0 + 1) % 3) }
    let (sumOfSame, sumOfOthers): (Float, Float) = (same.reduce(0, +), others.reduce(0, +))
    #expect(sumOfSame < 0.5 * sumOfOthers)
  }

  /// The mean colour of the background, divided by its brightness.
  private static func meanHue(of scene: Scene) -> SIMD3<Float> {
    var sum = SIMD3<Float>.zero
    for i in scene.mask.labels.indices where scene.mask.labels[i] == 0 {
      let pixel = scene.image.pixels[(3 * i)..<(3 * i + 3)].map { Float($0) }
      sum += SIMD3(pixel[0], pixel[1], pixel[2])
    }
    return sum / sum.sum()
  }

  /// Contours are lines: no void pixel has only void around it.
  @Test func contoursAreThin() {
    for index in 0..<10 {
      let mask = SyntheticScenes().scene(.init("val", 1000), index: index).mask
      for y in 0..<mask.height {
        for x in 0..<mask.width where mask[x, y] == 255 {
          let around = (max(y - 1, 0)...min(y + 1, mask.height - 1)).flatMap { v in
            (max(x - 1, 0)...min(x + 1, mask.width - 1)).map { u in mask[u, v] }
          }
          #expect(around.contains { $0 != 255 }, "scene \(index), x \(x), y \(y)")
        }
      }
    }
  }

  @Test func writeAManifestThatHolds() throws {
    let (folder, other) = (try TemporaryFolder(), try TemporaryFolder())
    let scenes = SyntheticScenes(width: 48, height: 36, seed: 2, splits: [.init("train", 7), .init("val", 3)])
    var reports: [Int] = []
    let path = try scenes.write(to: folder.path, threads: 2) { reports.append($0) }
    #expect(reports.last == 10)
    let manifest = try Manifest(contentsOf: path)
    #expect(manifest.splits == ["train", "val"])
    let items = try manifest.items(split: "val")
    #expect(items.map(\.id) == ["val-0000", "val-0001", "val-0002"])
    #expect(try manifest.verifyDigests(masks: true) == 20)
    let expected = scenes.scene(.init("val", 1000), index: 1)
    #expect(try RGBImage(contentsOf: items[1].imagePath) == expected.image)
    #expect(try EvaluationMasks(manifest).mask(of: items[1]) == expected.mask)
    #expect(items[1].labels == expected.labels)
    // The number of threads changes no byte.
    try scenes.write(to: other.path, threads: 1)
    for file in ["manifest.yaml", "items.tsv", "images/train-0006.png", "masks/val-0002.png"] {
      #expect(
        FileManager.default.contents(atPath: "\(folder.path)/\(file)")
          == FileManager.default.contents(atPath: "\(other.path)/\(file)"))
    }
  }

  @Test func aRunThatFailsLeavesNoManifest() throws {
    let folder = try TemporaryFolder()
    let scenes = SyntheticScenes(width: 48, height: 36, splits: [.init("train", 3)])
    let path = try scenes.write(to: folder.path)
    // A folder where an image should go: writing it fails.
    try FileManager.default.removeItem(atPath: "\(folder.path)/images/train-0002.png")
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/images/train-0002.png", withIntermediateDirectories: true)
    expectFailure(.io, "images/train-0002.png") { try scenes.write(to: folder.path) }
    #expect(!FileManager.default.fileExists(atPath: path))
    expectFailure(.usage, "the split \"../x\"") {
      try SyntheticScenes(splits: [.init("../x", 1)]).write(to: folder.path)
    }
    expectFailure(.usage, "no scenes") { try SyntheticScenes(splits: []).write(to: folder.path) }
  }
}
