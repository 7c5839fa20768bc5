import ArgumentParser
import DataImport
import Foundation
import Foundations
import StageInterface
import StageKit

@main
struct ImportVOC: Stage {
  @OptionGroup var options: ImportVOCOptions

  func execute(_ run: StageRun) throws {
    if let labels = options.inputs.labels, Self.place(labels) == Self.place("\(run.out)/items.tsv") {
      throw Failure(
        .usage, "the manifest's table would take the place of the table of labels: give another --out", file: labels)
    }
    let found = try look()
    report(found, run)
    if options.isCheck {
      if let obstacle = found.obstacle(strict: options.isStrict) { throw obstacle }
      print("would write \(run.out)/manifest.yaml and \(run.out)/items.tsv: \(found.rows.count) images")
    } else {
      try run.write {
        try found.write(to: $0, digests: options.digests, strict: options.isStrict, threads: run.threads)
      }
      run.log.info("\(found.rows.count) images in \(run.out)/manifest.yaml; give later stages --data \(found.dataRoot)")
    }
  }

  private func look() throws -> DatasetImport {
    let inputs = options.inputs
    let name = options.name ?? ""
    if let problem = SafeName.problem(with: name) {
      throw Failure(.usage, "\"\(name)\" \(problem)", item: "--name")
    }
    if let images = inputs.images {
      return try DatasetImport.folder(images: images, labels: inputs.labels, classes: inputs.classes, name: name)
    }
    return try DatasetImport.voc2012(root: inputs.root ?? "", trainAugList: inputs.trainAug, name: name)
  }

  private static func place(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

  /// To standard output under --check, where it is the result; else to the log, where --quiet leaves the warnings.
  private func report(_ found: DatasetImport, _ run: StageRun) {
    let limit = 20
    var warnings = found.problems.prefix(limit).map { "wrong file: \($0)" }
    if found.problems.count > limit { warnings.append("and \(found.problems.count - limit) more wrong files") }
    warnings += found.missing.map { "missing: \($0.what): \($0.remedy)" }
    warnings += found.deviations.map { "deviation: \($0)" }
    for line in found.summary { options.isCheck ? print(line) : run.log.info("\(line)") }
    for line in warnings { options.isCheck ? print(line) : run.log.warning("\(line)") }
  }
}
