import Datasets
import Foundation
import Foundations
import Imaging
import Threads

/// A data set made from nothing: pictures of five invented classes on textured backgrounds, with exact masks.
///
/// What it is for: a first run of the whole method without any download, on which every step has something to do. The
/// class of an object shows in a part of it only; the rest shares colours and textures with backgrounds, some objects
/// are small or have thin parts, they hide each other and cast shadows. Pixels are a function of (seed, split, index,
/// size) alone and have the same bits on every machine: nothing but integer operations and + - * / and square roots of
/// single precision goes into them.
public struct SyntheticScenes: Sendable, Equatable {
  /// A part of the data set.
  public struct Split: Sendable, Equatable {
    public let name: String
    /// Scenes with objects.
    public let count: Int
    /// Further scenes that show no object, before the backgrounds of the first scenes with objects. Without them every
    /// picture shows some class, and a classifier may learn one class as "none of the others": its activation maps then
    /// cover the background.
    public let emptyCount: Int
    /// One object that fills the picture instead of a scene: what a classifier that starts from nothing learns first.
    public let isCloseUp: Bool

    public init(_ name: String, _ count: Int, emptyCount: Int = 0, isCloseUp: Bool = false) {
      self.name = name
      self.count = count
      self.emptyCount = emptyCount
      self.isCloseUp = isCloseUp
    }
  }

  public var width: Int
  public var height: Int
  public var seed: UInt64
  public var splits: [Split]

  /// Whether scenes can have this size: both sides are at least 32, and the width is half to four times the height.
  public static func isPossible(width: Int, height: Int) -> Bool {
    width >= 32 && height >= 32 && 2 * width >= height && width <= 4 * height
  }

  /// Precondition: `isPossible(width:height:)`.
  public init(
    width: Int = 160, height: Int = 120, seed: UInt64 = 1, splits: [Split] = [Split("train", 400), Split("val", 100)]
  ) {
    precondition(Self.isPossible(width: width, height: height), "scenes of \(width)x\(height)")
    self.width = width
    self.height = height
    self.seed = seed
    self.splits = splits
  }

  /// The classes, with mask value = index.
  public static func classTable() throws -> ClassTable {
    try ClassTable(
      [ClassTable.Entry(name: "background", value: 0)]
        + SceneClass.allCases.map { ClassTable.Entry(name: $0.name, value: UInt8($0.rawValue)) })
  }

  /// The id of a scene: `train-0007`.
  public static func id(split: String, index: Int) -> String {
    "\(split)-" + String(repeating: "0", count: max(0, 4 - String(index).count)) + String(index)
  }

  /// One scene of a split. Of its scenes with objects number k shows class k modulo 5 for certain, so that every split
  /// has all classes; those from `split.count` on are empty.
  ///
  /// Scenes 2k and 2k + 1 show different objects before the same background, and empty scene k shows nothing before it:
  /// a class that its surroundings tell would teach a classifier the surroundings.
  public func scene(_ split: Split, index: Int) -> Scene {
    let size = "\(width)x\(height)"
    let isEmpty = index >= split.count
    let place = isEmpty ? index - split.count : index / 2
    var composer = SceneComposer(
      generator: SeededGenerator(seed: seed, "scene", split.name, String(index), size),
      background: SeededGenerator(seed: seed, "background", split.name, String(place), size),
      width: width, height: height, isCloseUp: split.isCloseUp)
    return composer.compose(first: isEmpty ? nil : SceneClass.allCases[index % SceneClass.allCases.count])
  }

  /// Writes `images/ID.png`, `masks/ID.png`, `items.tsv` and, last, `manifest.yaml` into `folder`; returns the
  /// manifest's path.
  ///
  /// A manifest from before is removed first: while one is there, it and its files are whole. The table holds the
  /// digests of all files.
  /// - Parameter progress: called now and then with the number of scenes written.
  /// - Throws: `Failure(.usage)` where a split's name is not a `SafeName` or there is no scene at all, `Failure(.io)`
  ///   where writing fails.
  @discardableResult
  public func write(to folder: String, threads: Int = 1, progress: ((Int) -> Void)? = nil) throws -> String {
    for split in splits {
      if let problem = SafeName.problem(with: split.name) {
        throw Failure(.usage, "the split \"\(split.name)\" \(problem)")
      }
    }
    let jobs = splits.flatMap { split in
      (0..<max(split.count + split.emptyCount, 0)).map { (split: split, index: $0) }
    }
    guard !jobs.isEmpty else { throw Failure(.usage, "no scenes: all splits are empty") }
    let table = try Self.classTable()
    for part in ["images", "masks"] { try AtomicFile.createFolder("\(folder)/\(part)") }
    try Self.remove("\(folder)/manifest.yaml")
    var rows: [ManifestWriter.Row] = []
    let chunk = 32 * max(threads, 1)
    for start in stride(from: 0, to: jobs.count, by: chunk) {
      let part = Array(jobs[start..<min(start + chunk, jobs.count)])
      var results = [Result<ManifestWriter.Row, any Error>?](repeating: nil, count: part.count)
      let lock = NSLock()
      Parallel.forEach(part.count, threads: threads) { i in
        let result = Result { try write(split: part[i].split, index: part[i].index, table: table, to: folder) }
        lock.withLock { results[i] = result }
      }
      rows += try results.compactMap { try $0?.get() }
      progress?(rows.count)
    }
    let description = "Procedural scenes, \(width)x\(height), seed \(seed)"
    return try ManifestWriter(name: "scenes", description: description, classes: table).write(rows, to: folder)
  }

  private func write(split: Split, index: Int, table: ClassTable, to folder: String) throws -> ManifestWriter.Row {
    let scene = scene(split, index: index)
    let id = Self.id(split: split.name, index: index)
    var row = ManifestWriter.Row(id: id, split: split.name, labels: scene.labels.map { table.names[$0] })
    let image = try scene.image.pngBytes(file: "\(folder)/images/\(id).png")
    let mask = try table.values(ofIndices: scene.mask).pngBytes(
      palette: table.palette, file: "\(folder)/masks/\(id).png")
    try Self.write(image, to: "\(folder)/images/\(id).png")
    try Self.write(mask, to: "\(folder)/masks/\(id).png")
    row.imageDigest = SHA256.hexadecimal(of: image)
    row.maskDigest = SHA256.hexadecimal(of: mask)
    (row.width, row.height) = (width, height)
    return row
  }

  /// Without the sync of `AtomicFile`, which for thousands of small files takes longer than drawing them: the manifest
  /// comes last and has the digests.
  private static func write(_ bytes: [UInt8], to path: String) throws {
    do { try Data(bytes).write(to: URL(fileURLWithPath: path)) } catch {
      throw Failure(.io, "cannot write: \((error as NSError).localizedDescription)", file: path)
    }
  }

  private static func remove(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch {
      throw Failure(.io, "cannot remove: \((error as NSError).localizedDescription)", file: path)
    }
  }
}
