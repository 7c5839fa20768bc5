import TestSupport
import DataImport
import Datasets
import Foundation
import Foundations
import Imaging
import Testing

@Suite struct VOCImportTests {
  @Test func writesTheManifest() throws {
    let tree = try VOCTree()
    let found = try tree.look()
    #expect(found.deviations == [] && found.missing == [] && found.problems == [])
    let path = try found.write(to: "\(tree.folder.path)/out", digests: true, strict: true, threads: 2)
    let manifest = try Manifest(contentsOf: path, dataRoot: tree.root)
    #expect(manifest.name == "voc2012" && manifest.splits == ["train_aug", "val", "test"])
    #expect(manifest.classes.count == 21 && manifest.classes.void == 255)
    #expect(manifest.classes.entries.map(\.value) == Array(0...20))
    #expect(manifest.classes.palette == .voc)
    let training = try manifest.items(split: "train_aug")
    // The list's order, then what only VOC's own list has.
    #expect(training.map(\.id) == ["2008_03", "2007_01", "2008_04", "2007_02"])
    // Twice a person counts once, parts do not count, difficult objects do.
    #expect(training.map(\.labels) == [[1, 20], [12, 15], [10, 17], [8]])
    #expect(found.summary.contains { $0.contains("1 labels rest on such objects alone") })
    #expect(try manifest.items(split: "val").map(\.labels) == [[6], [13]])
    #expect(try manifest.items(split: "test", labelled: false).map(\.labels) == [nil, nil])
    #expect(training[0].imagePath == "\(tree.root)/JPEGImages/2008_03.jpg")
    #expect(try manifest.verifyDigests(masks: true) == 8 + 6)
  }

  @Test func masksAreTakenWhereTheyAre() throws {
    let tree = try VOCTree()
    func masks() throws -> [String: String] {
      Dictionary(uniqueKeysWithValues: try tree.look().rows.map { ($0.id, $0.mask ?? "") })
    }
    let all = try masks()
    #expect(
      all["2007_01"] == "SegmentationClassAug/2007_01.png" && all["2008_03"] == "SegmentationClassAug/2008_03.png")
    #expect(all["2009_05"] == "SegmentationClass/2009_05.png" && all["2010_07"] == "")
    try tree.remove("SegmentationClassAug")
    let official = try masks()
    #expect(official["2007_01"] == "SegmentationClass/2007_01.png" && official["2008_03"] == "")
    // Absent as a whole: missing, with a remedy, but no deviation.
    let found = try tree.look()
    #expect(found.missing.map(\.what) == ["SegmentationClassAug"] && found.deviations == [])
    let manifest = try Manifest(
      contentsOf: try found.write(to: "\(tree.folder.path)/out", strict: true), dataRoot: tree.root)
    expectFailure(.data, "2008_03: the manifest gives no truth mask") {
      _ = try EvaluationMasks(manifest).path(of: manifest.items[0])
    }
    #expect(try EvaluationMasks(manifest).mask(of: manifest.items[1]).labels.first == 1)
  }

  /// Where the training images of SBD are told: a list of one's own, in DeepLab's spelling too, or the names of the
  /// masks.
  @Test func sourcesOfTrainAug() throws {
    let tree = try VOCTree()
    let list = try tree.folder.write(
      "/JPEGImages/2008_04.jpg /SegmentationClassAug/2008_04.png\n\n2009_06\n", "own.txt")
    let own = try tree.look(trainAugList: list)
    // 2009_06 is of val.
    #expect(own.rows.filter { $0.split == "train_aug" }.map(\.id) == ["2008_04", "2007_01", "2007_02"])
    #expect(own.deviations == ["train_aug: 3 images, published are 4"])
    try tree.remove("ImageSets/SegmentationAug")
    let byMasks = try tree.look()
    #expect(byMasks.rows.filter { $0.split == "train_aug" }.map(\.id) == ["2007_01", "2007_02", "2008_03", "2008_04"])
    #expect(byMasks.deviations == [])
    try tree.remove("SegmentationClassAug")
    let alone = try tree.look()
    #expect(alone.missing.map(\.what) == ["SegmentationClassAug", "ImageSets/SegmentationAug/train_aug.txt"])
    #expect(alone.deviations == ["train_aug: 2 images, published are 4"] && alone.isComplete)
  }

  @Test func deviationsAreNamed() throws {
    let tree = try VOCTree()
    #expect(
      try tree.look(published: .voc2012).deviations == [
        "ImageSets/Segmentation/train.txt: 2 images, published are 1464", "train_aug: 4 images, published are 10582",
        "val: 2 images, published are 1449",
        "test: 2 images, published are 1456",
      ])
    try tree.remove("JPEGImages/2010_08.jpg")
    try tree.remove("SegmentationClass/2009_05.png")
    try tree.remove("SegmentationClassAug/2009_05.png")
    try tree.remove("Annotations/2007_02.xml")
    try tree.annotate("2009_06", [])
    try tree.write("2009_05\n2009_06\n2009_05\n2009_05\n", "ImageSets/Segmentation/val.txt")
    let found = try tree.look()
    #expect(
      found.deviations == [
        "1 images listed more than once in \(tree.root)/ImageSets/Segmentation/val.txt: taken once: 2009_05",
        "train_aug: 3 images, published are 4",
        "1 images of train_aug have no object in Annotations: left out: 2007_02",
        "1 images of val have no object in Annotations: labels not known: 2009_06",
        "1 images of val have no mask: 2009_05",
        "test: 1 images, published are 2",
        "1 images of test have no file in JPEGImages: left out: 2010_08",
      ])
    let out = "\(tree.folder.path)/out"
    expectFailure(.data, "taken once: 2009_05 (and 6 more deviations)", "--strict") {
      try found.write(to: out, strict: true)
    }
    #expect(!FileManager.default.fileExists(atPath: out))
    let manifest = try Manifest(contentsOf: try found.write(to: out), dataRoot: tree.root)
    #expect(manifest.items.map(\.id) == ["2008_03", "2007_01", "2008_04", "2009_05", "2009_06", "2010_07"])
  }

  @Test func listsThatContradictEachOther() throws {
    let tree = try VOCTree()
    try tree.write("2007_01\n2009_05\n", "ImageSets/Segmentation/train.txt")
    try tree.write("2010_07\n2007_01\n", "ImageSets/Segmentation/test.txt")
    let found = try tree.look()
    #expect(found.deviations.contains("1 images of VOC's training list are in val.txt too: they count as val: 2009_05"))
    #expect(
      found.deviations.contains("1 images are either in trainval.txt or in train.txt and val.txt, not in both: 2007_02")
    )
    #expect(found.deviations.contains("1 images of test.txt are in train_aug or val: left out of test: 2007_01"))
    #expect(Set(found.rows.map(\.id)).count == found.rows.count)
  }

  @Test func missingPartsHaveRemedies() throws {
    let tree = try VOCTree()
    for part in ["Annotations", "ImageSets/Segmentation/val.txt", "ImageSets/Segmentation/test.txt"] {
      try tree.remove(part)
    }
    let found = try tree.look()
    #expect(
      found.missing.map(\.what) == ["Annotations", "ImageSets/Segmentation/val.txt", "ImageSets/Segmentation/test.txt"])
    #expect(found.missing.map(\.isRequired) == [true, true, false])
    #expect(found.missing.allSatisfy { $0.remedy.contains("http://host.robots.ox.ac.uk") })
    expectFailure(.noInput, "Annotations is missing: VOCtrainval") { try found.write(to: "\(tree.folder.path)/out") }
    let above = try DatasetImport.voc2012(root: tree.folder.path)
    #expect(above.missing.map(\.remedy) == ["give \(tree.folder.path)/VOC2012"])
    #expect(
      try DatasetImport.voc2012(root: "\(tree.folder.path)/none").missing.map(\.what) == [
        "the folder \(tree.folder.path)/none"
      ])
  }

  @Test func wrongFilesAreProblems() throws {
    let tree = try VOCTree()
    try tree.write("<annotation>\n<object>\n<name>dog</nmae></object></annotation>", "Annotations/2007_01.xml")
    try tree.annotate("2009_05", ["bsu"])
    let found = try tree.look()
    #expect(
      found.problems.map(\.description) == [
        "\(tree.root)/Annotations/2007_01.xml: line 3: not well-formed XML: expected </name>, found </nmae>",
        "\(tree.root)/Annotations/2009_05.xml: an object of the unknown class \"bsu\"; did you mean \"bus\"?",
      ])
    #expect(!found.isComplete)
    expectFailure(.data, "2007_01.xml", "line 3", "(and 1 more files are wrong)") {
      try found.write(to: "\(tree.folder.path)/out")
    }
    try tree.write("2007_01\n../../etc/passwd x y\n", "ImageSets/Segmentation/train.txt")
    #expect(try tree.look().problems.first?.item == "line 2")
  }
}

@Suite struct VOCListTests {
  @Test func aListOfImageSetsMainIsRefused() throws {
    let tree = try VOCTree()
    try tree.write("2007_01 -1\n2007_02  1\n", "ImageSets/Segmentation/train.txt")
    let problem = try tree.look().problems.first
    #expect(problem?.item == "line 1")
    #expect(
      problem?.message
        == "expected an id, or an image and a mask (.png), found \"2007_01 -1\"; lists in ImageSets/Main say which "
        + "images show a class, not which belong to a set"
    )
  }
}

@Suite struct VOCAnnotationTests {
  private func read(_ text: String) throws -> VOCAnnotation {
    let folder = try TemporaryFolder()
    return try VOCAnnotation(contentsOf: try folder.write(text, "a.xml"))
  }

  @Test func readsWhatXMLAllows() throws {
    let text = """
      \u{FEFF}<?xml version="1.0" encoding="utf-8"?>
      <!-- <object><name>cat</name></object> -->
      <annotation a='<' verified = "yes>">
      """.replacing("'<'", with: "'&lt;'")
    let rest =
      "<object/><object ><name>  d<![CDATA[o]]>&#x67; </name "
      + "><actions><name>cat</name></actions></object></annotation>\n<!-- end -->\n"
    expectFailure(.data, "object 1: expected one <name>, found 0") { _ = try read(text + rest) }
    let annotation = try read(
      text + rest.replacing("<object/>", with: "<object><name>cow</name><difficult>1</difficult></object>"))
    #expect(annotation.names == ["cow", "dog"])
    #expect(annotation.difficultOnly == ["cow"])
    #expect(try read("<annotation/>").names == [])
  }

  @Test(arguments: [
    ("", "no element"), ("annotation", "outside of the root"), ("<annotation>", "ends within <annotation>"),
    ("<annotation", "does not end"),
    ("<a></a>", "expected <annotation>, found <a>"), ("<annotation></annotation><b/>", "second root"),
    ("<annotation></annotation></b>", "</b> without <b>"),
    ("<!DOCTYPE a [<!ENTITY x \"y\">]><annotation>&x;</annotation>", "document type"),
    ("<annotation>&x;</annotation>", "unknown entity &x;"),
    ("<annotation>& </annotation>", "begins no entity"), ("<annotation>&#xD800;</annotation>", "unknown entity"),
    ("<annotation><1/></annotation>", "name"),
    ("<annotation a=b/>", "not in quotes"), ("<annotation a=\"b/>", "ends within the attribute a"),
    ("<annotation a/>", "has no value"),
    ("<annotation><!-- ", "does not end"), ("<annotation><![CDATA[x]]", "does not end"),
    ("<annotation><object><name>a</name><name>b</name></object></annotation>", "expected one <name>, found 2"),
    ("<annotation><object><name> </name></object></annotation>", "is empty"),
  ])
  func refuses(text: String, message: String) throws {
    expectFailure(.data, "a.xml", message) { _ = try read(text) }
  }

  @Test func refusesWhatIsTooLarge() throws {
    try refuses(text: String(repeating: "<annotation>", count: 65), message: "more than 64 elements")
    try refuses(text: String(repeating: " ", count: (1 << 20) + 1), message: "at most 1048576 bytes")
  }

  /// A file cut short or with some bytes replaced is read or refused, never worse.
  @Test func damagedFilesDoNoHarm() throws {
    let tree = try VOCTree()
    let good = try Data(contentsOf: URL(fileURLWithPath: tree.path("Annotations/2007_01.xml")))
    var generator = SeededGenerator(seed: 5)
    var (refused, odd): (Int, [Failure]) = (0, [])
    for round in 0..<20_000 {
      var bytes = [UInt8](good)
      if round % 3 == 0 {
        bytes = Array(bytes.prefix(generator.integer(0...bytes.count - 1)))
      } else {
        for _ in 0..<generator.integer(1...4) {
          bytes[generator.integer(0...bytes.count - 1)] = UInt8(generator.integer(0...255))
        }
      }
      do { _ = try VOCAnnotation(bytes) } catch let failure as Failure {
        if failure.kind != .data { odd.append(failure) }
        refused += 1
      }
    }
    #expect(odd == [] && refused > 7000)
  }
}

@Suite struct FolderImportTests {
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["IMG_1.jpg", "IMG_2.jpg", "IMG_3.png", "IMG_4.jpg", "notes.txt", ".hidden.png"] {
      try folder.write(name, "photographs/\(name)")
    }
    return folder
  }

  private func look(_ folder: TemporaryFolder, _ table: String, classes: String? = nil) throws -> DatasetImport {
    let list = try classes.map { try folder.write($0, "classes.txt") }
    return try DatasetImport.folder(
      images: "\(folder.path)/photographs", labels: try folder.write(table, "labels.tsv"), classes: list, name: "trees")
  }

  @Test func writesTheManifest() throws {
    let folder = try folder()
    let found = try look(
      folder, "id\tsplit\tlabels\nIMG_2\ttrain\tbirch beech\nIMG_3.png\tval\toak\nIMG_9\tval\toak\nIMG_1\ttrain\t-\n")
    #expect(found.deviations == ["1 rows of the table have no image: left out: IMG_9"])
    #expect(found.notes == ["1 images have no row in the table; they are in the split unlabelled: IMG_4"])
    expectFailure(.data, "IMG_9", "--strict") { try found.write(to: "\(folder.path)/out", strict: true) }
    let manifest = try Manifest(
      contentsOf: try found.write(to: "\(folder.path)/out"), dataRoot: "\(folder.path)/photographs")
    #expect(manifest.name == "trees" && manifest.classes.names == ["background", "birch", "beech", "oak"])
    #expect(manifest.classes.entries.map(\.value) == [0, 1, 2, 3])
    #expect(manifest.items.map(\.id) == ["IMG_2", "IMG_3", "IMG_1", "IMG_4"])
    #expect(manifest.items.map(\.labels) == [[1, 2], [3], nil, nil])
    #expect(manifest.items.map(\.split) == ["train", "val", "train", "unlabelled"])
    #expect(manifest.items[1].imagePath == "\(folder.path)/photographs/IMG_3.png")
    #expect(try manifest.items(split: "val").count == 1)
  }

  @Test func classesInTheirOwnOrder() throws {
    let found = try look(try folder(), "labels\tid\nbeech\tIMG_1\n", classes: "oak\nbeech\n\n")
    #expect(found.classes.names == ["background", "oak", "beech"])
    #expect(found.splits.map(\.name) == ["train", "unlabelled"] && found.splits.map(\.count) == [1, 3])
  }

  @Test func aRowTakesItsOwnImageAlone() throws {
    let folder = try TemporaryFolder()
    for name in ["scene.jpg", "scene.3.png", "b.png"] { try folder.write(name, "photographs/\(name)") }
    let found = try look(folder, "id\tlabels\nscene.2\toak\nscene.3\toak\nb.jpg\toak\n")
    #expect(found.deviations == ["2 rows of the table have no image: left out: scene.2, b.jpg"])
    #expect(
      found.rows.map(\.id) == ["scene.3", "b", "scene"]
        && found.rows.map(\.split) == ["train", "unlabelled", "unlabelled"])
  }

  @Test func namesWithSpacesFoldersAndOtherFormats() throws {
    let folder = try TemporaryFolder()
    for name in ["my photo.jpg", "trips/größe 1.JPG", "trips/a.png", "old.webp", "old.tif"] {
      try folder.write(name, "photographs/\(name)")
    }
    let table = "id\tlabels\nmy photo\ttraffic light\ntrips/größe 1.JPG\ttraffic light, oak\ntrips/a\tnone\n"
    let found = try look(folder, table)
    #expect(
      found.deviations == [
        "2 images are of a format that is not read (.tif, .webp); convert them to PNG, such as with ImageMagick "
          + "(magick OLD NEW.png): old.tif, old.webp: left out"
      ])
    let manifest = try Manifest(
      contentsOf: try found.write(to: "\(folder.path)/out"), dataRoot: "\(folder.path)/photographs")
    #expect(manifest.items.map(\.id) == ["my_photo", "trips__gru00f6u00dfe_1", "trips__a"])
    #expect(manifest.items.map(\.labels) == [[1], [1, 2], []])
    #expect(try manifest.items(split: "train").map(\.imagePath).last == "\(folder.path)/photographs/trips/a.png")
    #expect(manifest.items[0].orientation == .apply)
    let commas = "id\tlabels\nmy photo\toak beech\ntrips/a\toak, beech\n"
    expectFailure(.data, "labels.tsv: oak beech: a class of this name, but its words are classes too") {
      _ = try look(folder, commas)
    }
    try folder.write("x", "photographs/my_photo.jpg")
    expectFailure(.data, "my photo.jpg and my_photo.jpg would have the same id: rename one") {
      _ = try look(folder, table)
    }
    let foreign = try TemporaryFolder()
    try foreign.write("x", "photographs/a.bmp")
    expectFailure(
      .noInput,
      "no image (.jpg, .jpeg, .png) in this folder; 1 images are of a format that is not read (.bmp); convert them"
    ) {
      _ = try look(foreign, table)
    }
  }

  @Test func aFolderWithoutLabelsIsTakenWhole() throws {
    let folder = try folder()
    let images = "\(folder.path)/photographs"
    let training = try look(folder, "id\tlabels\nIMG_1\toak, Bär\n").write(to: "\(folder.path)/training")
    let found = try DatasetImport.folder(images: images, labels: nil, classes: training, name: "new")
    #expect(found.classes.names == ["background", "oak", "Bär"] && found.deviations == [] && found.notes == [])
    let manifest = try Manifest(contentsOf: try found.write(to: "\(folder.path)/out"), dataRoot: images)
    #expect(
      manifest.splits == ["unlabelled"] && manifest.items.count == 4 && manifest.items.allSatisfy { $0.labels == nil })
    expectFailure(.usage, "the classes are not known: give --classes") {
      _ = try DatasetImport.folder(images: images, labels: nil, name: "new")
    }
  }

  @Test func refuses() throws {
    let folder = try folder()
    func expect(
      _ table: String, classes: String? = nil, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
      for part in parts {
        expectFailure(.data, part, sourceLocation: sourceLocation) { _ = try look(folder, table, classes: classes) }
      }
    }
    expect(
      "id\tlabels\nIMG_1\tbeach\n", classes: "beech\n", "labels.tsv: line 2",
      "unknown class \"beach\"; did you mean \"beech\"?")
    expect("id\tlabels\nIMG_1\tbeech\nIMG_1.jpg\tbeech\n", "line 3", "IMG_1 occurs twice, first in line 2")
    expect("id\tlabels\nIMG_1\n", "line 2", "expected 2 columns")
    expect("id\tlabels\nIMG_1\t\n", "line 2", "has no label")
    expect("id\tlabels\nIMG_1\tbeech beech\n", "line 2", "IMG_1 has the class \"beech\" twice")
    expect("id\tlabels\nIMG_1\tbackground oak\n", "line 2", "lists the background")
    expect("id\tlabels\nIMG_1\tbe/ech\n", "labels.tsv", "class name holds \"/\"")
    expect("id\tlabels\tsplit\nIMG_1\toak\t../x\n", "line 2", "the split \"../x\" of IMG_1")
    expect("id,labels\nIMG_1,oak\n", "line 1", "did you mean \"labels\"? (known: id, labels, split)")
    expect("id\tlabels\nIMG_1\t-\n", "expected 1 to 254 classes, found 0")
    try folder.write("x", "photographs/IMG_1.png")
    expect("id\tlabels\nIMG_1\toak\n", "IMG_1.jpg and IMG_1.png would have the same id")
  }
}
