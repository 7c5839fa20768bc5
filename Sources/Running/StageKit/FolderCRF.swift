import Datasets
import DenseCRF
import Foundations
import Imaging
import LabelMasks
import PSA
import StageInterface
import TensorStore
import Tensors

/// A CRF over folders of images and masks, or of images and score maps, without a manifest.
public struct FolderCRF: Sendable {
  /// What the CRF sharpens. A confidence is above 0 and below 1.
  public enum Source: Sendable {
    /// Hard masks: each label of a pixel has this probability. `colours`: of RGB masks.
    case masks(folder: String, confidence: Float, void: UInt8?, colours: ColourTable?)
    /// `NAME.npy` or `NAME.npz`. With a power the maps are of objects alone, and (1 - max)^power is the background.
    case scores(folder: String, backgroundPower: Float?, colours: ColourTable?)
  }

  private let source: Source
  private let images: FolderOfFiles
  private let inputs: FolderOfFiles
  /// Labels are 0 ..< labelCount in every mask; nil: those that occur in it.
  private let labelCount: Int?
  private let parameters: DenseCRFParameters

  /// - Throws: `Failure` for folders without files, an input without its image, and parameters out of range.
  public init(_ source: Source, images folder: String, labelCount: Int?, parameters: DenseCRFParameters) throws {
    try parameters.validate()
    self.source = source
    self.labelCount = labelCount
    self.parameters = parameters
    images = try FolderOfFiles(folder, suffixes: FolderOfFiles.photographs, kind: "images")
    switch source {
    case .masks(let folder, _, _, _):
      inputs = try FolderOfFiles(folder, suffixes: ["png"], kind: "masks")
    case .scores(let folder, _, _):
      inputs = try FolderOfFiles(folder, suffixes: NumpyScores.suffixes, kind: "score maps")
    }
    if let name = inputs.names.first(where: { images.path(of: $0) == nil }) {
      throw Failure(.noInput, "has no image of this name (\(name).jpg, .jpeg or .png)", file: folder, item: name)
    }
  }

  /// Refines this shard's inputs one after another: `OUT/NAME.png` and, with `writesScores`, `OUT/NAME.npy`, each whole
  /// or not at all.
  ///
  /// Stops at the first input that cannot be refined; what was written before stays.
  public func refine(_ run: StageRun, writesScores: Bool, provenance: Provenance) throws {
    let names = run.shard.select(inputs.names)
    let unused = images.names.count - inputs.names.count
    if unused > 0 { run.log.info("\(unused) images have no mask or scores and are left out") }
    let cache = DenseCRFCache()
    let progress = run.progress(total: names.count, unit: "images")
    for name in names {
      guard let input = inputs.path(of: name), let photograph = images.path(of: name) else { continue }
      do {
        let image = try RGBImage(contentsOf: photograph)
        let start = try start(input, image, run)
        let field = try DenseCRF(
          width: image.width, height: image.height, rgb: image.pixels, parameters: parameters, threads: run.threads,
          cache: cache)
        let refined = try field.infer(probabilities: start.probabilities)
        let mask = run.kernels.argMax(ClassScores(values: refined, labels: start.labels.map { Int($0) }))
        if writesScores { try NumpyScores.write(refined, to: "\(run.out)/\(name).npy") }
        try mask.write(to: "\(run.out)/\(name).png", palette: start.palette, text: provenance.pairs)
      } catch let failure as Failure { throw failure.of(file: input) }
      progress.advance()
    }
    progress.finish()
  }

  /// The work that the options of `crf` ask for.
  public static func refine(_ options: CRFStageOptions, _ run: StageRun, parameters: DenseCRFParameters) throws {
    let folders = options.folders
    let palette = try folders.colours.map { $0 == "voc" ? ColourTable.voc : try ColourTable(contentsOf: $0) }
    let source: Source
    if let masks = folders.masks {
      let void = UInt8(exactly: folders.void ?? 255)
      source = .masks(folder: masks, confidence: Float(folders.confidence ?? 0.7), void: void, colours: palette)
    } else {
      let power = options.backgroundPower < 0 ? nil : Float(options.backgroundPower)
      source = .scores(folder: folders.npy ?? "", backgroundPower: power, colours: palette)
    }
    let table = folders.colours.flatMap { $0 == "voc" ? nil : [("colours", $0)] } ?? []
    let inputs = [folders.masks.map { ("masks", $0) } ?? ("npy", folders.npy ?? "")] + table
    let work = try FolderCRF(
      source, images: folders.images ?? "", labelCount: folders.labelCount, parameters: parameters)
    try work.refine(
      run, writesScores: options.writesNumpy ?? false, provenance: try run.provenance(inputs: inputs))
  }

  /// What the CRF starts from, the label of each channel, and the palette of the refined mask (nil: grey).
  private struct Start {
    let probabilities: Tensor
    let labels: [UInt8]
    let palette: Palette?
  }

  private func start(_ input: String, _ image: RGBImage, _ run: StageRun) throws -> Start {
    switch source {
    case .masks(_, let confidence, let void, let colours):
      let foreign = try ForeignMask(contentsOf: input, colours: colours)
      try foreign.mask.requireSize(width: image.width, height: image.height, of: "image", file: input)
      let labels = try labels(of: foreign, void: void)
      let start = probabilities(
        ofMask: foreign.mask.labels, height: image.height, width: image.width, labels: labels, void: void,
        confidence: confidence)
      return Start(probabilities: start, labels: labels, palette: foreign.palette)
    case .scores(_, let power, let colours):
      let scores = try NumpyScores(contentsOf: input)
      let stride = try NumpyFolder.stride(of: scores.maps, width: image.width, height: image.height)
      let full = upsampledScores(
        scores.maps, height: image.height, width: image.width, stride: stride, kernels: run.kernels)
      let labels = try labels(of: scores, hasBackground: power == nil)
      let start = power.map { withBackground(full, power: $0) } ?? full
      return Start(
        probabilities: start, labels: power == nil ? labels : [0] + labels, palette: colours?.palette ?? .voc)
    }
  }

  private func labels(of foreign: ForeignMask, void: UInt8?) throws -> [UInt8] {
    let present = foreign.mask.presentLabels.filter { $0 != void }
    // Binary masks of other tools are 0 and 255, and nothing tells them from background with a void border.
    if foreign.palette == nil, void == 255, labelCount == nil, foreign.mask.presentLabels == [0, 255] {
      throw Failure(
        .usage, "is grey and holds 0 and 255 only: give --void -1 where 255 is a label, --label-count where it is void")
    }
    guard let labelCount else {
      guard !present.isEmpty else { throw Failure(.data, "every pixel is void") }
      return present
    }
    if let other = present.first(where: { Int($0) >= labelCount }) {
      throw Failure(.data, expected: "labels below --label-count \(labelCount)", found: "\(other)")
    }
    return (0..<labelCount).map { UInt8($0) }
  }

  /// The mask value of each channel, the background's left out where it is to be made.
  private func labels(of scores: NumpyScores, hasBackground: Bool) throws -> [UInt8] {
    let values: [Int]
    switch scores.channels {
    case .all: values = (0..<scores.maps.shape[0]).map { hasBackground ? $0 : $0 + 1 }
    case .keys(let keys): values = keys.map { hasBackground ? $0 : $0 + 1 }
    case .labels(let labels): values = labels
    }
    guard values.allSatisfy({ (0...255).contains($0) }), hasBackground || !values.contains(0) else {
      throw Failure(.data, expected: "mask values of \(hasBackground ? 0 : 1) to 255", found: "\(values)")
    }
    return values.map { UInt8($0) }
  }
}
