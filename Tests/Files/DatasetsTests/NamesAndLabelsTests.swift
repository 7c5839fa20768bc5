import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import TestSupport
import Testing

@Suite struct NamesAndLabelsTests {
  private static let header = """
    name: street
    classes:
      - { name: background, value: 0 }
      - { name: traffic light, value: 1 }
      - { name: Bär, value: 2 }
    items: items.tsv
    image: photographs/{id}.png
    """

  private func manifest(_ folder: TemporaryFolder, header: String = Self.header, _ rows: String) throws -> Manifest {
    try folder.write("id\tsplit\tlabels\timage\n" + rows, "items.tsv")
    return try Manifest(contentsOf: try folder.write(header, "m.yaml"))
  }

  @Test func commasSeparateNamesWithSpaces() throws {
    let folder = try TemporaryFolder()
    let manifest = try manifest(
      folder, "a\tt\ttraffic light\t\nb\tt\tBär, traffic light\t\nc\tt\tnone\t\nd\tt\t-\tmy photo/größe 1.png\n")
    #expect(manifest.items.map(\.labels) == [[1], [1, 2], [], nil])
    #expect(manifest.items[3].imagePath == "\(folder.path)/my photo/größe 1.png")
    expectFailure(
      .data, "items.tsv: line 2: a has the unknown class \"traffic light Bär\"",
      "commas separate names here, because some hold spaces"
    ) {
      _ = try self.manifest(folder, "a\tt\ttraffic light Bär\t\n")
    }
    expectFailure(.data, "a has \"none\" beside class names") { _ = try self.manifest(folder, "a\tt\tnone, Bär\t\n") }
    expectFailure(.data, "the id \"my photo\" holds characters other than", "the column \"image\"") {
      _ = try self.manifest(folder, "my photo\tt\t-\t\n")
    }
  }

  @Test func namesThatDifferInCaseAreTold() throws {
    let manifest = try manifest(
      try TemporaryFolder(), header: Self.header.replacing("Bär", with: "Traffic Light"), "a\tt\tTraffic Light\t\n")
    #expect(
      manifest.warnings == [
        "the classes \"traffic light\" and \"Traffic Light\" differ in upper and lower case only: one class or two?"
      ])
    #expect(manifest.items[0].labels == [2])
  }

  @Test func hugeNamesAreRefusedFast() throws {
    let folder = try TemporaryFolder()
    let huge = String(repeating: "a", count: 5_000_000)
    let start = ContinuousClock.now
    expectFailure(.data, "m.yaml: expected a manifest of at most 1048576 bytes") {
      _ = try manifest(folder, header: Self.header.replacing("Bär", with: huge), "a\tt\t-\t\n")
    }
    expectFailure(.data, "line 2: a has the unknown class", "(5000000 bytes)") {
      _ = try manifest(folder, "a\tt\t\(huge)\t\n")
    }
    expectFailure(.data, "line 2: the id", "is longer than 200 bytes") { _ = try manifest(folder, "\(huge)\tt\t-\t\n") }
    expectFailure(.data, "line 1: unknown column") {
      _ = try manifest(folder, header: Self.header.replacing("items.tsv", with: "t.tsv"), try wide(folder, huge))
    }
    // Under a second, where nothing else runs.
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  private func wide(_ folder: TemporaryFolder, _ column: String) throws -> String {
    try folder.write("id\tsplit\tlabels\t\(column)\na\tt\t-\t\n", "t.tsv")
    return ""
  }

  @Test func idsOfPaths() {
    let ids = ["IMG_1", "trips/Weißer Turm", "a b(1)", "../x", "-rf", "猫"].map { SafeName.id(forPath: $0) }
    #expect(ids == ["IMG_1", "trips__Weiu00dfer_Turm", "a_b_1_", "_._" + "__x", "_-rf", "u732b"])
    for id in ids { #expect(SafeName.problem(with: id) == nil, "\(id)") }
  }

  @Test func twoTablesAreAnError() throws {
    let (folder, data) = (try TemporaryFolder(), try TemporaryFolder())
    let beside = "id\tsplit\tlabels\na\tt\tBär\n"
    try folder.write(beside, "items.tsv")
    try data.write("id\tsplit\tlabels\nb\tt\tBär\n", "items.tsv")
    let path = try folder.write(Self.header, "m.yaml")
    expectFailure(
      .data, "m.yaml: there are two different tables of items, \(folder.path)/items.tsv",
      "\(data.path)/items.tsv in the data root"
    ) {
      _ = try Manifest(contentsOf: path, dataRoot: data.path)
    }
    // A digest says which is meant.
    try folder.write(Self.header + "\nitems_sha256: \(SHA256.hexadecimal(of: beside.utf8))", "m.yaml")
    #expect(try Manifest(contentsOf: path, dataRoot: data.path).items.map(\.id) == ["a"])
    try folder.write(Self.header, "m.yaml")
    try data.write(beside, "items.tsv")
    #expect(try Manifest(contentsOf: path, dataRoot: data.path).itemsPath == "\(folder.path)/items.tsv")
  }
}

@Suite struct DamagedManifestTests {
  /// Damaged manifests and tables are read or refused with `Failure(.data)`, never worse.
  @Test func damagedManifestsDoNoHarm() throws {
    let folder = try TemporaryFolder()
    let header = """
      name: street
      classes: &classes
        - { name: background, value: 0 }
        - { name: traffic light, value: 1, colour: [1, 2, 3] }
      unlisted: void
      orientation: apply
      items: items.tsv
      image: photographs/{id}.png
      """
    let table =
      "id\tsplit\tlabels\timage\twidth\theight\na\tt\ttraffic light\t\t12\t13\nb\tt\tnone\tmy "
      + "photo.jpg\t\t\nc\tv\t-\t\t\t\n"
    var refused = 0
    for index in 0..<2_000 {
      var mutations = Mutations("manifest", index)
      let isHeader = index % 2 == 0
      try Data(isHeader ? mutations.mutated(Array(header.utf8)) : Array(header.utf8)).write(
        to: URL(fileURLWithPath: "\(folder.path)/m.yaml"))
      try Data(isHeader ? Array(table.utf8) : mutations.mutated(Array(table.utf8))).write(
        to: URL(fileURLWithPath: "\(folder.path)/items.tsv"))
      do { _ = try Manifest(contentsOf: "\(folder.path)/m.yaml").splits } catch let failure as Failure {
        #expect(failure.kind == .data || failure.kind == .noInput, "input \(index): \(failure)")
        refused += 1
      }
    }
    #expect(refused > 500 && refused < 2_000)
  }
}

@Suite struct PaletteCheckTests {
  private static func table() throws -> ClassTable {
    try ClassTable([.init(name: "background", value: 0), .init(name: "a", value: 1), .init(name: "b", value: 2)])
  }

  private func problem(_ colours: [RGB], _ labels: [UInt8]) throws -> String? {
    do {
      try Self.table().checkPalette(Palette(colours), of: LabelMask(width: labels.count, height: 1, labels: labels))
      return nil
    } catch let failure as Failure {
      return failure.message
    }
  }

  private static let (black, red, green) = (RGB.black, RGB(128, 0, 0), RGB(0, 128, 0))

  @Test func anotherClassesColourIsAContradiction() throws {
    #expect(try problem([Self.black, Self.red, Self.green], [0, 1, 2]) == nil)
    #expect(
      try problem([Self.red, Self.black, Self.green], [0, 1, 2])?.hasPrefix(
        "index 0 has the colour of class a (128, 0, 0), but the manifest has 0 as class background: values and palette "
          + "contradict each other"
      ) == true)
    #expect(
      try problem([Self.black, Self.green, Self.red], [0, 2])?.hasPrefix("index 2 has the colour of class a") == true)
    #expect(try problem([Self.black, Self.green, Self.red], [0]) == nil, "values that do not occur say nothing")
    // A binary mask saved by way of its colours: white object, black background.
    #expect(
      try problem([.white, Self.black], [0, 1])?.hasPrefix("index 1 has the colour of class background") == true)
    #expect(try problem([Self.black, Palette.voc[255]], [0, 1])?.hasPrefix("index 1 has the colour of void") == true)
    #expect(
      try problem([Self.black, Self.red, Self.green, Self.red], [3])?.contains("but the manifest has no class 3")
        == true)
  }

  @Test func coloursOfNoClassAndTheRestOfAPaletteSayNothing() throws {
    #expect(try problem([Self.black, .white, RGB(9, 9, 9)], [0, 1, 2]) == nil)
    #expect(try problem([Self.black, Self.red], [0, 1, 2, 255]) == nil)
    #expect(try problem(Array(repeating: Self.black, count: 256), [0, 1, 2, 255]) == nil)
    #expect(try Self.table().checkPalette(nil, of: LabelMask(width: 1, height: 1, label: 1)) == ())
  }

  @Test func agreementCountsImages() throws {
    var agreement = LabelAgreement(try Self.table())
    #expect(agreement.contradictions(of: "masks") == nil)
    agreement.add(LabelMask(width: 2, height: 1, labels: [0, 1]), labels: [1])
    agreement.add(LabelMask(width: 2, height: 1, labels: [0, 1]), labels: nil)
    #expect(agreement.contradictions(of: "masks") == nil)
    var other = LabelAgreement(try Self.table())
    other.add(LabelMask(width: 2, height: 1, labels: [0, 255]), labels: [1, 2])
    other.add(LabelMask(width: 2, height: 1, labels: [2, 255]), labels: [])
    agreement.merge(other)
    #expect(
      agreement.contradictions(of: "masks")
        == "masks and image-level labels contradict each other: 1 images labelled a show no pixel of a; 1 images "
        + "labelled b show no pixel of b; "
        + "1 have pixels of a class that they are not labelled with (b in 1)")
    #expect(agreement.countedPixels == 6 && agreement.imagesWithObjects == 3)
  }
}
