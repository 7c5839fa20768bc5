import CPUBackend
import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import PSA
import StageInterface
import StepFiles
import TensorStore
import Tensors
import Threads

/// Score maps of an earlier step, read image by image as class indices at the image's size.
public struct SeedScores: Sendable {
  private enum Source: Sendable {
    case parts(ScoreMapReader)
    case arrays(NumpyFolder)
  }

  private let source: Source
  private let classes: ClassTable
  private let kernels: CPUKernels

  /// - Parameters:
  ///   - path: a step's folder, or a folder with `ID.npy` or `ID.npz` for each image.
  ///   - foreign: what such files hold where they have no labels of their own.
  /// - Throws: `Failure` where the folder has no complete set of parts, or where an item has no scores in it.
  public init(
    _ path: String, for items: [Manifest.Item], classes: ClassTable, kernels: CPUKernels,
    foreign: NumpyFolder.Content = .withBackground
  ) throws {
    self.classes = classes
    self.kernels = kernels
    if let folder = try NumpyFolder(path, for: items, content: foreign) {
      source = .arrays(folder)
      return
    }
    let reader = try ScoreMapReader(path)
    try StepFolder(path).requireAgreementWhereComplete()
    source = .parts(reader)
    if let item = items.first(where: { !reader.contains($0.id) }) {
      throw Failure(
        .data, "has no scores of this image of the manifest; was it made from another split?", file: path, item: item.id
      )
    }
  }

  /// The scores of an image at its full size: a coarse map is enlarged by its stride (bilinear) and cropped.
  public func scores(of item: Manifest.Item, width: Int, height: Int) throws -> ClassScores {
    switch source {
    case .parts(let reader): return try scores(of: item, width: width, height: height, in: reader)
    case .arrays(let folder):
      let scores = try folder.scores(of: item, width: width, height: height, classes: classes)
      return ClassScores(
        values: upsampledScores(scores.values, height: height, width: width, stride: scores.stride, kernels: kernels),
        labels: scores.labels)
    }
  }

  private func scores(of item: Manifest.Item, width: Int, height: Int, in reader: ScoreMapReader) throws -> ClassScores
  {
    // The size is compared before the map is read: it bounds the memory that reading may take.
    let size = try reader.imageSize(of: item.id)
    guard size == (height, width) else {
      let message = LabelMask.sizeMessage(
        "the probability map", (size.width, size.height), item.imagePath, (width, height))
      throw Failure(.data, message, file: reader.path, item: item.id)
    }
    let map = try reader.scores(item.id, of: size)
    func cells(_ side: Int) -> Int { side / map.stride + (side % map.stride == 0 ? 0 : 1) }
    // A map is enlarged to whole cells before it is cropped: beyond this stride that takes far more memory than the
    // image.
    guard map.stride <= 256, map.scores.shape[1] == cells(height), map.scores.shape[2] == cells(width) else {
      throw Failure(
        .data, "scores of shape \(map.scores.shape) do not go with stride \(map.stride) and \(width)x\(height)",
        file: reader.path, item: item.id)
    }
    if let (position, value) = map.scores.firstNotFinite {
      let (rest, column) = position.quotientAndRemainder(dividingBy: map.scores.shape[2])
      let (channel, row) = rest.quotientAndRemainder(dividingBy: map.scores.shape[1])
      throw Failure(
        .data, expected: "finite scores", found: "\(value) in channel \(channel), row \(row), column \(column)",
        file: reader.path, item: item.id)
    }
    let labels: [Int]
    do { labels = try classes.indices(of: map.labels, item: item.id) } catch let failure as Failure {
      throw failure.of(file: reader.path)
    }
    return ClassScores(
      values: upsampledScores(map.scores, height: height, width: width, stride: map.stride, kernels: kernels),
      labels: labels)
  }

  /// Another map of an image as stored: `knowledge`, `advice`.
  public func map(_ item: Manifest.Item, named name: String) throws -> Tensor {
    switch source {
    case .parts(let reader): return try reader.map(item.id, named: name)
    case .arrays(let folder):
      throw Failure(.data, "files of numpy have no maps called \(name)", file: folder.path, item: item.id)
    }
  }
}

/// Masks of an earlier step as class indices.
public struct SeedMasks: Sendable {
  private let folder: String
  private let classes: ClassTable
  private let ignoringPalette: Bool

  /// - Parameters:
  ///   - path: a step's folder, or a folder of PNG masks.
  ///   - variant: which masks of a step's folder: `masks` or `masks-crf`; nil for `masks` of a step's folder and for
  ///     those of a folder of PNG masks.
  ///   - ignoringPalette: take a mask's values as they are, even where its palette says that they mean other classes.
  /// - Throws: `Failure(.noInput)` where the folder has not the variant that is asked for, or for the first item
  ///   without a mask.
  public init(
    _ path: String, variant: String? = nil, for items: [Manifest.Item], classes: ClassTable,
    ignoringPalette: Bool = false
  ) throws {
    try StepFolder(path).requireAgreementWhereComplete()
    folder = try Self.folder(path, variant: variant)
    self.classes = classes
    self.ignoringPalette = ignoringPalette
    for item in items where !FileManager.default.fileExists(atPath: "\(folder)/\(item.id).png") {
      throw Failure(.noInput, "there is no mask of this image", file: "\(folder)/\(item.id).png", item: item.id)
    }
  }

  private static func folder(_ path: String, variant: String?) throws -> String {
    func isFolder(_ name: String) -> Bool {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder) && isFolder.boolValue
    }
    guard let variant else { return isFolder("masks") ? "\(path)/masks" : path }
    guard isFolder(variant) else {
      let others = ["masks", "masks-crf"].filter(isFolder)
      let found =
        others.isEmpty
        ? "no folder of masks; a plain folder of PNG masks has no variants" : others.joined(separator: " and ")
      throw Failure(.noInput, expected: "a folder \(variant) in it", found: found, file: path)
    }
    return "\(path)/\(variant)"
  }

  /// Where the mask of an image lies.
  public func path(of item: Manifest.Item) -> String { "\(folder)/\(item.id).png" }

  /// The mask of an image: class indices, 255 void.
  ///
  /// - Parameter other: the file that width and height were taken from; nil for the image.
  /// - Throws: a `Failure` where it has another size, a value outside the class table, or a palette that contradicts
  ///   the class table.
  public func mask(of item: Manifest.Item, width: Int, height: Int, from other: String? = nil) throws -> LabelMask {
    try mask(of: item) { try $0.requireSize(width: width, height: height, of: other ?? item.imagePath) }
  }

  private func mask(of item: Manifest.Item, check: (LabelMask) throws -> Void = { _ in }) throws -> LabelMask {
    let path = path(of: item)
    do {
      let (mask, palette, _) = try LabelMask.readAll(contentsOf: path)
      try check(mask)
      if !ignoringPalette { try classes.checkPalette(palette, of: mask) }
      return try classes.indices(ofValues: mask)
    } catch let failure as Failure {
      throw failure.of(file: path).of(item: item.id)
    }
  }

  /// Reads all masks once before a training on them: a wrong one is told now and not after hours, as is what
  /// contradicts the image-level labels.
  ///
  /// - Throws: what reading a mask throws; `Failure(.data)` where no mask has a pixel to train on, all being void.
  public func checkTargets(of items: [Manifest.Item], run: StageRun) throws {
    let shares = try Parallel.results(items.count, threads: run.threads) { range in
      var agreement = LabelAgreement(classes)
      for item in items[range] { agreement.add(try mask(of: item), labels: item.labels) }
      return agreement
    }
    var agreement = LabelAgreement(classes)
    for share in shares { agreement.merge(share) }
    guard agreement.countedPixels > 0 else {
      throw Failure(
        .data, "there is nothing to train on: all pixels of all \(items.count) masks are void", file: folder)
    }
    if agreement.imagesWithObjects == 0 {
      run.log.warning("\(folder): no mask shows any class: the network will learn the background alone")
    }
  }
}

extension EvaluateOptions.Variant {
  /// The folder that a step's folder must have; nil for `masks`, which may be those of a plain folder too.
  public var folder: String? { self == .masks ? nil : rawValue }
}
