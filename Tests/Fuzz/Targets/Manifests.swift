import Datasets
import Foundations
import TestSupport

/// Manifests with their tables of items: in turn the YAML and the table are damaged.
struct ManifestTarget: FuzzTarget {
  static let name = "manifests"
  static let about = "manifest.yaml and its table of items"
  static let refusals: Set<Failure.Kind> = [.data, .noInput, .usage]
  private let headers: [Seed]
  private let tables: [Seed]
  private let folder: String

  private static let yaml = """
    name: scenes
    description: Generated scenes.
    void: 255
    unlisted: error
    orientation: apply
    classes:
      - &first {name: background, value: 0, colour: [0, 0, 0]}
      - {name: kite, value: 1, colour: [128, 0, 0]}
      - name: "traffic light"
        value: 2
        colour: [0, 128, 0]
    items: items.tsv
    image: images/{id}.png
    mask: masks/{id}.png

    """
  private static let table = """
    id\tsplit\tlabels\timage\tmask\timage_sha256\tmask_sha256\twidth\theight
    a\ttrain\tkite\timages/a.jpg\t\t\(String(repeating: "0a", count: 32))\t\t64\t48
    b\ttrain\tkite, traffic light\t\tmasks/b.png\t\t\(String(repeating: "f1", count: 32))\t\t
    c\tval\tnone\t\t\t\t\t1\t1
    d\tval\t-\t\t\t\t\t\t

    """

  init(_ setting: FuzzSetting) throws {
    folder = setting.folder.path
    let words = [
      "name", "classes", "value", "colour", "items", "items.tsv", "image", "mask", "void", "unlisted", "items_sha256",
      "kite", "background", "train", "none", "- {name: a, value: 3}", "&x [*x, *x]", "? [*first]\n: 1",
    ]
    headers = [.text("header", Self.yaml, words: words)]
    tables = [.text("table", Self.table, words: words + ["\t", "\t\t", "\r"])]
    try read(Array(Self.yaml.utf8), Array(Self.table.utf8))
  }

  func run(_ index: Int) throws {
    if index % 2 == 0 {
      try read(headers.input(index).bytes, Array(Self.table.utf8))
    } else {
      try read(Array(Self.yaml.utf8), tables.input(index).bytes)
    }
  }

  private func read(_ header: [UInt8], _ table: [UInt8]) throws {
    try Seed.write(header, to: "\(folder)/manifest.yaml")
    try Seed.write(table, to: "\(folder)/items.tsv")
    let manifest = try Manifest(contentsOf: "\(folder)/manifest.yaml")
    for split in manifest.splits { _ = try manifest.items(split: split, labelled: false, checkingFiles: false) }
    guard manifest.items.allSatisfy({ $0.imagePath.hasPrefix("\(folder)/") && !$0.imagePath.contains("..") }) else {
      throw Failure(.software, "an image outside of the data set")
    }
    _ = manifest.warnings
  }
}
