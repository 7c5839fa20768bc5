import TestSupport
import DataImport
import Datasets
import Foundation
import Imaging
import LabelMasks

/// Eight tiny images as VOC 2012 lays out its own: two of train, two of SBD, two of val, two of test.
struct VOCTree {
  let folder: TemporaryFolder
  var root: String { "\(folder.path)/VOC2012" }

  static let counts = DatasetImport.PublishedCounts(train: 2, trainAug: 4, val: 2, test: 2)

  init() throws {
    folder = try TemporaryFolder()
    let ids = ["2007_01", "2007_02", "2008_03", "2008_04", "2009_05", "2009_06", "2010_07", "2010_08"]
    for (index, id) in ids.enumerated() {
      let image = RGBImage(width: 6, height: 4, colour: RGB(UInt8(20 * index), 90, 200))
      try write("", "JPEGImages/.keep")
      try image.writeJPEG(to: path("JPEGImages/\(id).jpg"))
      if index < 6 { try writeMask("SegmentationClassAug", id, value: UInt8(index + 1)) }
      if [0, 1, 4, 5].contains(index) { try writeMask("SegmentationClass", id, value: UInt8(index + 1)) }
    }
    try annotate("2007_01", ["person", "dog", "person"], parts: ["head", "hand"])
    try annotate("2007_02", ["cat"])
    try annotate("2008_03", ["tvmonitor", "aeroplane"])
    try annotate("2008_04", ["sheep"], difficult: ["cow"])
    try annotate("2009_05", ["bus"])
    try annotate("2009_06", ["horse"])
    try write("2007_01\n2007_02\n", "ImageSets/Segmentation/train.txt")
    try write("2009_05\r\n2009_06\r\n", "ImageSets/Segmentation/val.txt")
    try write("2007_01\n2007_02\n2009_05\n2009_06\n", "ImageSets/Segmentation/trainval.txt")
    try write("2010_07\n2010_08\n", "ImageSets/Segmentation/test.txt")
    try write("2008_03\n2007_01\n2008_04\n", "ImageSets/SegmentationAug/train_aug.txt")
  }

  func path(_ name: String) -> String { "\(root)/\(name)" }
  func write(_ text: String, _ name: String) throws { try folder.write(text, "VOC2012/\(name)") }
  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }

  private func writeMask(_ folder: String, _ id: String, value: UInt8) throws {
    try write("", "\(folder)/.keep")
    try LabelMask(width: 6, height: 4, label: value).write(to: path("\(folder)/\(id).png"), palette: .voc)
  }

  /// An annotation with what VOC's have: boxes, parts with names of their own, a declaration or none.
  func annotate(_ id: String, _ names: [String], difficult: [String] = [], parts: [String] = []) throws {
    let box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>"
    let partText = parts.map { "<part><name>\($0)</name>\(box)</part>" }.joined()
    let objects = (names.map { ($0, 0) } + difficult.map { ($0, 1) }).map {
      "\t<object>\n\t\t<name>\($0)</name>\n\t\t<pose>Left</pose>\n\t\t"
        + "<difficult>\($1)</difficult>\n\t\t\(box)\(partText)\n\t</object>\n"
    }
    try write(
      "<annotation>\n\t<folder>VOC2012</folder>\n\t<filename>\(id).jpg</filename>\n\t<source><database>A &amp; "
        + "B</database></source>\n"
        + "\(objects.joined())</annotation>\n", "Annotations/\(id).xml")
  }

  func look(trainAugList: String? = nil, published: DatasetImport.PublishedCounts = Self.counts) throws -> DatasetImport
  {
    try DatasetImport.voc2012(root: root, trainAugList: trainAugList, name: "voc2012", published: published)
  }
}
