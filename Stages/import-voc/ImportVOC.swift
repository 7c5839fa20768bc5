import ArgumentParser
import Datasets
import Foundation
import Foundations
import StageKit

@main
struct ImportVOC: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "import-voc", abstract: "Write the manifest of PASCAL VOC 2012 with SBD, or of a folder of own images.",
    discussion: example(
      "import-voc --root VOCdevkit/VOC2012 --out runs/voc2012",
      about: """
        Splits train_aug, val and test; labels from the XML annotations, objects marked difficult included. Counts are compared with the published ones.
        Own images: import-voc --images photographs --labels labels.tsv --out manifests. The table has the columns id, labels and, if wanted, split.
        Later stages get the folder of --root or --images as --data.
        """))

  @OptionGroup var shared: SharedOptions

  @Option(help: ArgumentHelp("VOC's folder, with JPEGImages, Annotations, ImageSets and SegmentationClass.", valueName: "DIR"))
  var root: String?
  @Option(
    name: .customLong("train-aug"),
    help: ArgumentHelp("List of SBD's images; default: ImageSets/SegmentationAug/train_aug.txt, or the masks in SegmentationClassAug.", valueName: "FILE"))
  var trainAug: String?
  @Option(help: ArgumentHelp("In place of --root: a folder of own images.", valueName: "DIR"))
  var images: String?
  @Option(help: ArgumentHelp("What the own images show: a tab-separated table.", valueName: "FILE"))
  var labels: String?
  @Option(help: ArgumentHelp("Names of the own classes, one a line; default: in the order in which the table has them.", valueName: "FILE"))
  var classes: String?
  @Option(help: "Name of the manifest; default: voc2012 or own-images.")
  var name: String?
  @Flag(inversion: .prefixedNo, help: "Put the SHA-256 of every image and mask into the table.")
  var digests = false
  @Flag(inversion: .prefixedNo, help: "Refuse data that are not as published, with exit code 65.")
  var strict = false
  @Flag(help: "Tell what is missing and what would be written; write nothing.")
  var check = false

  func validate() throws {
    guard (root == nil) != (images == nil) else { throw ValidationError("Give either --root or --images.") }
    guard (images == nil) == (labels == nil) else { throw ValidationError("--images and --labels belong together.") }
    guard root == nil || classes == nil else { throw ValidationError("--classes is for own images; VOC has its own.") }
    guard images == nil || trainAug == nil else { throw ValidationError("--train-aug is for VOC.") }
    if let name, let problem = SafeName.problem(with: name) { throw ValidationError("--name: \"\(name)\" \(problem).") }
  }

  func execute(_ run: StageRun) throws {
    if let labels, Self.place(labels) == Self.place("\(run.out)/items.tsv") {
      throw Failure(.usage, "the manifest's table would take the place of the table of labels: give another --out", file: labels)
    }
    let found = try look()
    report(found, run)
    if check {
      if let obstacle = found.obstacle(strict: strict) { throw obstacle }
      print("would write \(run.out)/manifest.yaml and \(run.out)/items.tsv: \(found.rows.count) images")
    } else {
      try found.write(to: run.out, digests: digests, strict: strict, threads: run.threads)
      run.log.info("\(found.rows.count) images in \(run.out)/manifest.yaml; give later stages --data \(found.dataRoot)")
    }
  }

  private func look() throws -> DatasetImport {
    if let images, let labels { return try DatasetImport.folder(images: images, labels: labels, classes: classes, name: name ?? "own-images") }
    return try DatasetImport.voc2012(root: root ?? "", trainAugList: trainAug, name: name ?? "voc2012")
  }

  private static func place(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

  /// To standard output under --check, where it is the result; else to the log, where --quiet leaves the warnings.
  private func report(_ found: DatasetImport, _ run: StageRun) {
    let limit = 20
    var warnings = found.problems.prefix(limit).map { "wrong file: \($0)" }
    if found.problems.count > limit { warnings.append("and \(found.problems.count - limit) more wrong files") }
    warnings += found.missing.map { "missing: \($0.what): \($0.remedy)" }
    warnings += found.deviations.map { "deviation: \($0)" }
    for line in found.summary { check ? print(line) : run.log.info("\(line)") }
    for line in warnings { check ? print(line) : run.log.warning("\(line)") }
  }
}
