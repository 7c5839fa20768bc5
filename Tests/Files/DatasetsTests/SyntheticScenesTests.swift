import Datasets
import Foundation
import Foundations
import Imaging
import Testing

@Suite struct SyntheticScenesTests {
  /// The pixels of one scene and one mask: the same on every machine.
  @Test func knownPixels() {
    let scene = SyntheticScenes(width: 160, height: 120, seed: 1).scene(split: "train", index: 2)
    #expect(
      SHA256.hexadecimal(of: scene.image.pixels) == "2807d5d02c727b1f805e0a62b8dd744e7ec3b614b01305f1c248d354924b9313")
    #expect(
      SHA256.hexadecimal(of: scene.mask.labels) == "0726c1c0d4e4881578ff47e8b561220ab5a61fbc8fb54707377ea96519c32a96")
  }

  @Test func dependOnSeedSplitAndIndexAlone() {
    let scenes = SyntheticScenes(width: 64, height: 48, seed: 5)
    let scene = scenes.scene(split: "train", index: 3)
    #expect(scene == SyntheticScenes(width: 64, height: 48, seed: 5, splits: []).scene(split: "train", index: 3))
    #expect(scene != scenes.scene(split: "val", index: 3))
    #expect(scene != scenes.scene(split: "train", index: 8))
    #expect(scene != SyntheticScenes(width: 64, height: 48, seed: 6).scene(split: "train", index: 3))
  }

  @Test func showWhatTheyPromise() throws {
    let scenes = SyntheticScenes(width: 96, height: 72)
    var (pixels, byCount, total) = ([Int](repeating: 0, count: 256), [Int](repeating: 0, count: 6), 0)
    for index in 0..<60 {
      let scene = scenes.scene(split: "train", index: index)
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

  /// Contours are lines: no void pixel has only void around it.
  @Test func contoursAreThin() {
    for index in 0..<10 {
      let mask = SyntheticScenes().scene(split: "val", index: index).mask
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
    let (folder, other) = (try Folder(), try Folder())
    let scenes = SyntheticScenes(width: 48, height: 36, seed: 2, splits: [.init("train", 7), .init("val", 3)])
    var reports: [Int] = []
    let path = try scenes.write(to: folder.path, threads: 2) { reports.append($0) }
    #expect(reports.last == 10)
    let manifest = try Manifest(contentsOf: path)
    #expect(manifest.splits == ["train", "val"])
    let items = try manifest.items(split: "val")
    #expect(items.map(\.id) == ["val-0000", "val-0001", "val-0002"])
    #expect(try manifest.verifyDigests(masks: true) == 20)
    let expected = scenes.scene(split: "val", index: 1)
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
    let folder = try Folder()
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
