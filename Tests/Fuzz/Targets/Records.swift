import DataImport
import Datasets
import Foundation
import Foundations
import StepFiles
import TensorStore
import Tensors
import TestSupport
import YAMLText

/// Completion files and lists of files, which say what a step holds.
struct RecordTarget: FuzzTarget {
  static let name = "records"
  static let about = "completion files and lists of files"
  static let refusals: Set<Failure.Kind> = [.data, .noInput]
  private let seeds: [Seed]
  private let folder: StepFolder

  init(_ setting: FuzzSetting) throws {
    folder = StepFolder(setting.folder.path)
    try AtomicFile.write("maps", to: setting.folder.file("part-1-of-1.h5"))
    let list = try FileList(of: ["part-1-of-1.h5"], in: setting.folder.path)
    var completion = Completion(recipe: Recipe(["stage": "crf", "seed": "1", "input scores": list.digest]), list: list)
    (completion.shard, completion.shards, completion.ids) = (1, 1, ["a", "b"])
    let words = ["part-1-of-1.h5", "file", "bytes", "sha256", "\t", "format", "recipe", "ids", "1e18", "[[[[", "null"]
    seeds = [.text("completion", try completion.json(), words: words), .text("list", list.text, words: words)]
    try read(completion: seeds[0].bytes, list: seeds[1].bytes)
  }

  func run(_ index: Int) throws {
    let bytes = seeds.input(index).bytes
    let isList = index % 2 == 1
    try read(completion: isList ? seeds[0].bytes : bytes, list: isList ? bytes : seeds[1].bytes)
  }

  private func read(completion: [UInt8], list: [UInt8]) throws {
    try Seed.write(completion, to: folder.completionPath(Part()))
    try Seed.write(list, to: folder.listPath(Part()))
    guard let found = try folder.completion(Part()) else { throw Failure(.software, "the completion file went away") }
    _ = try folder.defect(of: Part(), found)
    _ = try folder.content()
    _ = try folder.list(Part())
  }
}

/// Small files of other programs: arrays of numpy, annotations in XML, any YAML.
struct ForeignTarget: FuzzTarget {
  static let name = "foreign"
  static let about = "arrays of numpy, annotations in XML, YAML of any kind"
  private let seeds: [Seed]

  private static let annotation = """
    <annotation><folder>VOC2012</folder><filename>a.jpg</filename><size><width>64</width><height>48</height></size>
    <!-- & --><object><name>cat</name><difficult>1</difficult><bndbox><xmin>1.5</xmin></bndbox></object>
    <object><name>d&amp;og</name><part><name>head</name></part></object></annotation>

    """
  private static let yaml = """
    a: &x {b: 1, c: [1, 2]}
    d: *x
    ? [e, *x]
    : - f
      - {g: *x, <<: *x}

    """

  init(_ setting: FuzzSetting) throws {
    let path = setting.folder.file("a.npy")
    try NumpyScores.write(Tensor([2, 3, 4], (0..<24).map { Float($0) / 24 }), to: path)
    seeds =
      [
        try Seed(path: path).named("array"),
        .text(
          "annotation", Self.annotation,
          words: ["<name>", "</object>", "&lt;", "&#65;", "<![CDATA[", "]]>", "<!DOCTYPE a>"]),
        .text("yaml", Self.yaml, words: ["&x [*x, *x]", "? *x\n: 1", "{*x : 1}", "[[[["]),
      ] + (try setting.seeds.map { $0.named("array") })
    for seed in seeds { try Self.read(seed, seed.bytes) }
  }

  func run(_ index: Int) throws {
    let (seed, bytes) = seeds.input(index)
    try Self.read(seed, bytes)
  }

  private static func read(_ seed: Seed, _ bytes: [UInt8]) throws {
    switch seed.name {
    case "array": _ = try NumpyScores(bytes: bytes, name: "a.npy").maps
    case "annotation": _ = try VOCAnnotation(bytes)
    default:
      // Manifests are read up to 1 MiB.
      do { _ = try composeYAML(String(decoding: bytes.prefix(1 << 20), as: UTF8.self)) } catch let failure as Failure {
        throw failure
      } catch {
        throw Failure(.data, "\(error)")
      }
    }
  }
}
