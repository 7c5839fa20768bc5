import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import TestSupport
import Testing

@Suite struct ManifestTests {
  static let header = """
    name: garden
    classes:
      - { name: background, value: 0 }
      - { name: beech, value: 7, colour: [1, 2, 3] }
      - { name: birch, value: 3 }
    items: items.tsv
    image: photographs/{id}.png
    mask: truth/{id}.png
    """
  static let table = "id\tsplit\tlabels\na1\ttrain\tbirch beech\na2\ttrain\tbeech\nb.1\tval\tbirch\nc-1\tunseen\t-\n"

  /// A manifest with one part of the text replaced.
  private func manifest(
    _ folder: TemporaryFolder, replacing old: String = "", with new: String = "", table: String = Self.table
  )
    throws -> Manifest
  {
    #expect(old.isEmpty || Self.header.contains(old))
    try folder.write(table, "items.tsv")
    let text = old.isEmpty ? Self.header : Self.header.replacingOccurrences(of: old, with: new)
    return try Manifest(contentsOf: try folder.write(text, "m.yaml"))
  }

  private func expectTableFailure(
    _ table: String, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let folder = try TemporaryFolder()
    for part in parts + ["items.tsv"] {
      expectFailure(.data, part, sourceLocation: sourceLocation) { _ = try manifest(folder, table: table) }
    }
  }

  private func expectHeaderFailure(
    _ old: String, _ new: String, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let folder = try TemporaryFolder()
    for part in parts + ["m.yaml"] {
      expectFailure(.data, part, sourceLocation: sourceLocation) { _ = try manifest(folder, replacing: old, with: new) }
    }
  }

  @Test func readsClassesItemsAndPaths() throws {
    let folder = try TemporaryFolder()
    let manifest = try manifest(folder)
    #expect(manifest.name == "garden")
    #expect(manifest.splits == ["train", "val", "unseen"])
    #expect(manifest.classes.names == ["background", "beech", "birch"])
    #expect(manifest.classes.palette[7] == RGB(1, 2, 3))
    #expect(manifest.classes.palette[3] == Palette.voc[3])
    let items = try manifest.items(split: "train", checkingFiles: false)
    #expect(items.map(\.id) == ["a1", "a2"])
    #expect(items[0].labels == [1, 2])
    #expect(items[0].imagePath == "\(folder.path)/photographs/a1.png")
    #expect(try EvaluationMasks(manifest).path(of: items[1]) == "\(folder.path)/truth/a2.png")
  }

  @Test func dataRootIsSeparate() throws {
    let (folder, data) = (try TemporaryFolder(), try TemporaryFolder())
    try data.write(Self.table, "items.tsv")
    let manifest = try Manifest(contentsOf: try folder.write(Self.header, "m.yaml"), dataRoot: data.path)
    #expect(manifest.items[0].imagePath == "\(data.path)/photographs/a1.png")
    #expect(manifest.itemsPath == "\(data.path)/items.tsv")
  }

  @Test func refusesHeaders() throws {
    try expectHeaderFailure("image:", "imge:", "line 7, column 1", "\"imge\"", "did you mean \"image\"")
    try expectHeaderFailure("value: 3", "valeu: 3", "line 5", "did you mean \"value\"")
    try expectHeaderFailure("value: 3", "value: 300", "line 5", "0...255", "300")
    try expectHeaderFailure("value: 3", "value: 7", "line 5", "already taken by beech")
    try expectHeaderFailure("value: 3", "value: 255", "line 5", "already taken by void")
    try expectHeaderFailure("name: birch", "name: beech", "two classes have this name")
    try expectHeaderFailure("name: birch", "name: 'silver, birch'", "line 5", "class name holds \",\"")
    try expectHeaderFailure("name: birch", "name: None", "line 5", "says that an image shows no class")
    try expectHeaderFailure(
      "name: garden", "name: garden\norientation: turn", "line 2", "\"apply\" or \"ignore\"", "turn")
    try expectHeaderFailure("value: 0", "value: 1", "value 0 for the first class")
    try expectHeaderFailure("[1, 2, 3]", "[1, 2]", "line 4", "[red, green, blue]")
    try expectHeaderFailure("items: items.tsv", "", "the key \"items\" is missing")
    try expectHeaderFailure("photographs/{id}.png", "photographs/id.png", "lacks {id}")
    try expectHeaderFailure("photographs/{id}.png", "../{id}.png", "holds \"..\"")
    try expectHeaderFailure("photographs/{id}.png", "/etc/{id}.png", "is absolute")
    try expectHeaderFailure("name: garden", "name: a;b", "line 1", "characters other than")
    try expectHeaderFailure("name: garden", "name: garden\nunlisted: maybe", "line 2", "\"error\" or \"void\"", "maybe")
    try expectHeaderFailure("name: garden", "name: garden\nname: park", "expected each key once, found \"name\" twice")
    try expectHeaderFailure("classes:", "classes: [", "not YAML", "line")
    try expectHeaderFailure("name: garden", "name: garden\nitems_sha256: 12", "64 lower-case hexadecimal digits")
  }

  @Test func refusesTables() throws {
    let head = "id\tsplit\tlabels\n"
    try expectTableFailure(head + "../a\ttrain\tbeech\n", "line 2", "\"../a\"")
    try expectTableFailure(head + "a..b\ttrain\tbeech\n", "holds \"..\"")
    try expectTableFailure(head + "a$(ls)\ttrain\tbeech\n", "line 2", "characters other than A-Z a-z 0-9 . _ -")
    try expectTableFailure(head + "-rf\ttrain\tbeech\n", "starts with \"-\"")
    try expectTableFailure(head + ".a\ttrain\tbeech\n", "starts with \".\"")
    try expectTableFailure(head + "\ttrain\tbeech\n", "is empty")
    try expectTableFailure(head + "a\ttr ain\tbeech\n", "the split \"tr ain\" of a")
    try expectTableFailure(
      head + "a\ttrain\tbeech\nb\ttrain\tbeach\n", "line 3",
      "b has the unknown class \"beach\"; did you mean \"beech\"?")
    try expectTableFailure(head + "a\ttrain\tbeech\na\tval\tbeech\n", "line 3", "id a occurs twice, first in line 2")
    try expectTableFailure(head + "a\ttrain\t\n", "line 2", "a has no label")
    try expectTableFailure(head + "a\ttrain\t \n", "line 2", "a has no label")
    try expectTableFailure(head + "a\ttrain\tbeech beech\n", "\"beech\" twice")
    try expectTableFailure(head + "a\ttrain\tbackground\n", "which every image has")
    try expectTableFailure(head + "a\ttrain\n", "line 2", "expected 3 columns separated by tabs, found 2")
    try expectTableFailure("id\tlabels\na\tbeech\n", "line 1", "the column \"split\" is missing")
    try expectTableFailure("id\tsplit\tlables\na\tx\tbeech\n", "line 1", "did you mean \"labels\"?")
    try expectTableFailure("id\tid\tsplit\tlabels\n", "given twice")
    try expectTableFailure(head, "holds no item")
    try expectTableFailure("", "an empty file")
    try expectTableFailure("id\tsplit\tlabels\timage\na\ttrain\tbeech\t../x.png\n", "line 2", "holds \"..\"")
    try expectTableFailure("id\tsplit\tlabels\timage_sha256\na\ttrain\tbeech\tABC\n", "line 2", "hexadecimal")
    try expectTableFailure("id\tsplit\tlabels\twidth\theight\na\ttrain\tbeech\t12\t\n", "line 2", "width and height")
  }

  @Test func namesMissingFilesAndSplits() throws {
    let folder = try TemporaryFolder()
    let manifest = try manifest(folder)
    expectFailure(.noInput, "photographs/a1.png: a1:") { _ = try manifest.items(split: "train") }
    expectFailure(.usage, "no split \"trian\"; did you mean \"train\"?", "train, val, unseen") {
      _ = try manifest.items(split: "trian")
    }
    expectFailure(.data, "items.tsv: c-1:", "not known") {
      _ = try manifest.items(split: "unseen", checkingFiles: false)
    }
    #expect(try manifest.items(split: "unseen", labelled: false, checkingFiles: false).count == 1)
    expectFailure(.noInput, "truth/a1.png: a1:") { try EvaluationMasks(manifest).checkFiles(of: [manifest.items[0]]) }
    expectFailure(.noInput, "none.yaml") { _ = try Manifest(contentsOf: "\(folder.path)/none.yaml") }
    expectFailure(.noInput, "no table of items", "other.tsv") {
      _ = try Manifest(
        contentsOf: try folder.write(Self.header.replacingOccurrences(of: "items.tsv", with: "other.tsv"), "n.yaml"))
    }
  }

  @Test func verifiesDigests() throws {
    let folder = try TemporaryFolder()
    try folder.write("pixels", "photographs/a.png")
    try folder.write("truth", "truth/a.png")
    let (image, mask) = (SHA256.hexadecimal(of: Array("pixels".utf8)), SHA256.hexadecimal(of: Array("truth".utf8)))
    let table = "id\tsplit\tlabels\timage_sha256\tmask_sha256\na\ttrain\tbeech\t\(image)\t\(mask)\n"
    let manifest = try manifest(folder, table: table)
    #expect(try manifest.verifyDigests() == 1)
    #expect(try manifest.verifyDigests(masks: true) == 2)
    try folder.write("other", "truth/a.png")
    #expect(try manifest.verifyDigests() == 1)
    expectFailure(.data, "truth/a.png: a: expected SHA-256 \(mask), found") { try manifest.verifyDigests(masks: true) }
    let digest = SHA256.hexadecimal(of: Array(table.utf8))
    #expect(throws: Never.self) {
      try self.manifest(folder, replacing: "name: garden", with: "name: garden\nitems_sha256: \(digest)", table: table)
    }
    expectFailure(.data, "items.tsv: expected SHA-256 \(digest)") {
      _ = try self.manifest(
        folder, replacing: "name: garden", with: "name: garden\nitems_sha256: \(digest)", table: table + "\n")
    }
  }

  @Test func writesWhatItReads() throws {
    let folder = try TemporaryFolder()
    let classes = try ClassTable(
      [
        .init(name: "background", value: 0), .init(name: "no", value: 9, colour: RGB(9, 8, 7)),
        .init(name: "3d", value: 4),
      ], void: 200,
      unlisted: .void)
    var row = ManifestWriter.Row(id: "x1", split: "train", labels: ["3d", "no"])
    (row.imageDigest, row.maskDigest) = (String(repeating: "a", count: 64), String(repeating: "0", count: 64))
    (row.width, row.height) = (12, 34)
    let writer = ManifestWriter(name: "own", description: "a \"quoted\" # line\n\u{1}: \\", classes: classes)
    let path = try writer.write(
      [row, .init(id: "x2", split: "test", labels: nil), .init(id: "x3", split: "test", labels: [])], to: folder.path)
    let manifest = try Manifest(contentsOf: path)
    #expect(manifest.classes == classes)
    #expect(manifest.description == writer.description)
    #expect(manifest.items.map(\.labels) == [[1, 2], nil, []])
    #expect(manifest.items[0].size == [12, 34])
    #expect(manifest.items[0].imagePath == "\(folder.path)/images/x1.png")
    expectFailure(.noInput, "x1") { try manifest.verifyDigests() }
  }

  @Test func readsLargeTablesFast() throws {
    let folder = try TemporaryFolder()
    let rows = (0..<10_582).map { "2007_\(100_000 + $0)\ttrain\tbeech birch\n" }
    let table = "id\tsplit\tlabels\n" + rows.joined()
    let start = ContinuousClock.now
    let manifest = try manifest(folder, table: table)
    #expect(ContinuousClock.now - start < .seconds(1))
    #expect(manifest.items.count == 10_582)
  }

  @Test func committedManifestsAreValid() throws {
    let root = Golden.packageRoot
    let folder = try TemporaryFolder()
    try folder.write("id\tsplit\tlabels\n2007_000392\ttrain\thorse person\n", "labels.tsv")
    let animals = try Manifest(contentsOf: "\(root)/data-manifests/voc-animals.yaml", dataRoot: folder.path)
    #expect(animals.items[0].labels == [4, 5])
    #expect(animals.classes.entries.allSatisfy { $0.colour == Palette.voc[$0.value] })
    #expect(animals.classes.entries.map(\.value) == [0, 8, 10, 12, 13, 15, 17])
    let sample = try String(contentsOfFile: "\(root)/data-manifests/own-images.tsv", encoding: .utf8)
    try folder.write(sample, "items.tsv")
    let own = try Manifest(contentsOf: "\(root)/data-manifests/own-images.yaml", dataRoot: folder.path)
    #expect(own.items.map(\.labels) == [[1], [1, 2], [2], nil])
  }
}

@Suite struct EvaluationMaskTests {
  private func manifest(_ folder: TemporaryFolder, unlisted: ClassTable.UnlistedPolicy) throws -> Manifest {
    let classes = try ClassTable(
      [.init(name: "background", value: 0), .init(name: "beech", value: 8)], void: 9, unlisted: unlisted)
    let path = try ManifestWriter(name: "m", description: "", classes: classes).write(
      [.init(id: "a", split: "t", labels: ["beech"])], to: folder.path)
    return try Manifest(contentsOf: path)
  }

  @Test func mapsValuesToIndices() throws {
    let folder = try TemporaryFolder()
    let manifest = try manifest(folder, unlisted: .error)
    let masks = EvaluationMasks(manifest)
    try LabelMask(width: 2, height: 2, labels: [0, 8, 9, 8]).write(
      to: "\(folder.path)/masks/a.png", palette: manifest.classes.palette)
    let mask = try masks.mask(of: manifest.items[0], width: 2, height: 2)
    #expect(mask.labels == [0, 1, 255, 1])
    #expect(manifest.classes.values(ofIndices: mask).labels == [0, 8, 9, 8])
    expectFailure(.data, "masks/a.png: a: the mask is 2 x 2, \(folder.path)/images/a.png is 3 x 2") {
      _ = try masks.mask(of: manifest.items[0], width: 3, height: 2)
    }
  }

  @Test func refusesOrExcusesUnlistedValues() throws {
    let folder = try TemporaryFolder()
    let strict = try manifest(folder, unlisted: .error)
    try LabelMask(width: 3, height: 2, labels: [0, 8, 9, 8, 0, 15]).write(
      to: "\(folder.path)/masks/a.png", palette: .voc)
    expectFailure(.data, "masks/a.png: a:", "0 (background), 8 (beech) or 9 (void)", "found 15 at x 2, y 1") {
      _ = try EvaluationMasks(strict).mask(of: strict.items[0])
    }
    let lenient = try manifest(folder, unlisted: .void)
    #expect(try EvaluationMasks(lenient).mask(of: lenient.items[0]).labels == [0, 1, 255, 1, 0, 255])
  }
}
