import Datasets
import Foundation
import Foundations

extension DatasetImport {
  /// How many images the lists of VOC 2012 and SBD have.
  package struct PublishedCounts: Sendable {
    package var train: Int
    package var trainAug: Int
    package var val: Int
    package var test: Int

    package init(train: Int, trainAug: Int, val: Int, test: Int) {
      (self.train, self.trainAug, self.val, self.test) = (train, trainAug, val, test)
    }

    /// The paper's section 5; VOC's own training list has 1,464 images.
    package static let voc2012 = PublishedCounts(train: 1464, trainAug: 10_582, val: 1449, test: 1456)
  }

  /// Looks through a folder as VOC 2012 lays it out (`VOCdevkit/VOC2012`) for the paper's data set (section 5): splits
  /// train_aug, val and test.
  ///
  /// - `train_aug` is VOC's training images and SBD's, without `val`. SBD's come from `trainAugList`, else from
  ///   `ImageSets/SegmentationAug/train_aug.txt`, `ImageSets/Segmentation/train_aug.txt`, or the names of the masks in
  ///   `SegmentationClassAug`.
  /// - Labels are the classes of the objects in `Annotations/ID.xml`, objects marked difficult included, as in PSA.
  ///   `test` has none.
  /// - Masks: for `train_aug` `SegmentationClassAug/ID.png`, else `SegmentationClass/ID.png`; for `val` the other way
  ///   round. Only looked for, not read.
  ///
  /// An image without a file, and one of train_aug without labels, is left out and named among the deviations. Wrong
  /// files are `problems`, absent ones are `missing`; nothing is thrown for them.
  public static func voc2012(root: String, trainAugList: String? = nil, name: String = "voc2012") throws
    -> DatasetImport
  {
    try voc2012(root: root, trainAugList: trainAugList, name: name, published: .voc2012)
  }

  package static func voc2012(root: String, trainAugList: String?, name: String, published: PublishedCounts) throws
    -> DatasetImport
  {
    var survey = VOCSurvey(root: root, name: name, published: published, classes: try .voc())
    survey.run(trainAugList: trainAugList)
    return survey.found
  }
}

/// The work of `DatasetImport.voc2012`.
private struct VOCSurvey {
  var found: DatasetImport
  private let root: String
  private let published: DatasetImport.PublishedCounts
  /// Ids with a file of the right suffix, by folder; nil where there is no such folder.
  private let images: Set<String>?
  private let annotations: Set<String>?
  private let masks: Set<String>?
  private let augmentedMasks: Set<String>?
  private var difficultOnly = 0

  init(root: String, name: String, published: DatasetImport.PublishedCounts, classes: ClassTable) {
    self.root = root
    self.published = published
    found = DatasetImport(
      dataRoot: root, name: name, description: "PASCAL VOC 2012 with SBD: image-level labels from VOC's annotations",
      classes: classes,
      image: "JPEGImages/{id}.jpg", orientation: .ignore)
    images = Self.ids(in: "\(root)/JPEGImages", suffix: ".jpg")
    annotations = Self.ids(in: "\(root)/Annotations", suffix: ".xml")
    masks = Self.ids(in: "\(root)/SegmentationClass", suffix: ".png")
    augmentedMasks = Self.ids(in: "\(root)/SegmentationClassAug", suffix: ".png")
  }

  private static func ids(in folder: String, suffix: String) -> Set<String>? {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return nil }
    return Set(
      names.lazy.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.map { String($0.dropLast(suffix.count)) })
  }

  mutating func run(trainAugList: String?) {
    guard isRoot() else { return }
    nameMissingParts()
    let train = list("ImageSets/Segmentation/train.txt", source: Self.trainval, isRequired: true)
    let val = list("ImageSets/Segmentation/val.txt", source: Self.trainval, isRequired: true)
    let test = list("ImageSets/Segmentation/test.txt", source: Self.test, isRequired: false)
    let augmented = augmentedList(trainAugList)
    guard !found.missing.contains(where: \.isRequired) else { return }
    let held = Set(val)
    compare(train.count, published.train, "ImageSets/Segmentation/train.txt")
    compareUnion(Set(train).union(held))
    drop(train.filter(held.contains), "of VOC's training list are in val.txt too: they count as val")
    let trainAug = unique((augmented ?? []) + train).filter { !held.contains($0) }
    add(
      trainAug, to: "train_aug", published: published.trainAug, isLabelled: true, masksIn: [augmentedFolder, vocFolder])
    add(val, to: "val", published: published.val, isLabelled: true, masksIn: [vocFolder, augmentedFolder])
    let known = held.union(trainAug)
    drop(test.filter(known.contains), "of test.txt are in train_aug or val: left out of test")
    add(test.filter { !known.contains($0) }, to: "test", published: published.test, isLabelled: false, masksIn: [])
    found.countOrientations()
    found.notes.append(
      "labels: objects marked difficult count, as in PSA; \(difficultOnly) labels rest on such objects alone")
    found.notes.append("test: no labels (\"-\"), no masks: results are scored by VOC's evaluation server")
  }

  // MARK: What is missing

  private static let trainval =
    "VOCtrainval_11-May-2012.tar of http://host.robots.ox.ac.uk/pascal/VOC/voc2012/, unpacked, has it"
  private static let test =
    "VOC's evaluation server (http://host.robots.ox.ac.uk:8080/) hands out the test images to registered users; unpack "
    + "them into the same folder"
  private static let boundaries = "SBD, http://home.bharathh.info/pubs/codes/SBD/download.html"

  /// Whether this is VOC's folder at all: if not, to name its parts one by one would not help.
  private mutating func isRoot() -> Bool {
    if !DatasetImport.isFolder(root) {
      miss("the folder \(root)", Self.trainval + " as VOCdevkit/VOC2012", isRequired: true)
      return false
    }
    if images == nil,
      let inner = ["VOC2012", "VOCdevkit/VOC2012"].first(where: { DatasetImport.isFolder("\(root)/\($0)/JPEGImages") })
    {
      miss("JPEGImages", "give \(root)/\(inner)", isRequired: true)
      return false
    }
    return true
  }

  private mutating func nameMissingParts() {
    if images == nil { miss("JPEGImages", Self.trainval, isRequired: true) }
    if annotations == nil { miss("Annotations", Self.trainval, isRequired: true) }
    if masks == nil {
      miss("SegmentationClass", Self.trainval + "; without it val cannot be scored", isRequired: false)
    }
    if augmentedMasks == nil {
      miss(
        "SegmentationClassAug",
        "the masks of \(Self.boundaries), as ID.png with values 0...20; without it seeds of SBD's images cannot be "
          + "scored",
        isRequired: false)
    }
  }

  private mutating func miss(_ what: String, _ remedy: String, isRequired: Bool) {
    found.missing.append(.init(what: what, remedy: remedy, isRequired: isRequired))
  }

  // MARK: Lists

  private mutating func list(_ path: String, source: String, isRequired: Bool) -> [String] {
    guard DatasetImport.isFile("\(root)/\(path)") else {
      miss(path, source, isRequired: isRequired)
      return []
    }
    return read("\(root)/\(path)") ?? []
  }

  private mutating func read(_ path: String) -> [String]? {
    do {
      let list = try VOCList(contentsOf: path)
      drop(list.repeated, "listed more than once in \(path): taken once")
      return list.ids
    } catch {
      report(error, file: path)
      return nil
    }
  }

  /// SBD's images; nil where nothing tells them.
  private mutating func augmentedList(_ given: String?) -> [String]? {
    if let given {
      found.notes.append("train_aug: VOC's training images and those of \(given), without val")
      return read(given)
    }
    let places = ["ImageSets/SegmentationAug/train_aug.txt", "ImageSets/Segmentation/train_aug.txt"]
    if let place = places.first(where: { DatasetImport.isFile("\(root)/\($0)") }) {
      found.notes.append("train_aug: VOC's training images and those of \(place), without val")
      return read("\(root)/\(place)")
    }
    if let augmentedMasks {
      found.notes.append("train_aug: VOC's training images and those with a mask in SegmentationClassAug, without val")
      return augmentedMasks.filter { SafeName.problem(with: $0) == nil }.sorted()
    }
    miss(
      places[0],
      "train.txt and val.txt of \(Self.boundaries), in one file, here or as --train-aug FILE; without it train_aug is "
        + "VOC's train",
      isRequired: false)
    return nil
  }

  private func unique(_ ids: [String]) -> [String] {
    var seen: Set<String> = []
    return ids.filter { seen.insert($0).inserted }
  }

  private mutating func compare(_ count: Int, _ published: Int, _ what: String) {
    if count != published { found.deviations.append("\(what): \(count) images, published are \(published)") }
  }

  private mutating func compareUnion(_ both: Set<String>) {
    let path = "ImageSets/Segmentation/trainval.txt"
    guard DatasetImport.isFile("\(root)/\(path)"), let trainval = read("\(root)/\(path)") else { return }
    drop(
      both.symmetricDifference(trainval).sorted(), "are either in trainval.txt or in train.txt and val.txt, not in both"
    )
  }

  /// Names images that something is wrong with, if there are any.
  private mutating func drop(_ ids: [String], _ what: String) {
    if !ids.isEmpty { found.deviations.append("\(ids.count) images \(what): \(DatasetImport.listed(ids))") }
  }

  // MARK: Rows

  private typealias MaskFolder = (name: String, ids: Set<String>?)
  private var vocFolder: MaskFolder { ("SegmentationClass", masks) }
  private var augmentedFolder: MaskFolder { ("SegmentationClassAug", augmentedMasks) }

  private mutating func add(
    _ ids: [String], to split: String, published: Int, isLabelled: Bool, masksIn folders: [MaskFolder]
  ) {
    var (withoutImage, withoutLabels, withoutMask): ([String], [String], [String]) = ([], [], [])
    var rows: [ManifestWriter.Row] = []
    for id in ids {
      guard images?.contains(id) == true else {
        withoutImage.append(id)
        continue
      }
      let names = isLabelled ? labels(of: id) : []
      var row = ManifestWriter.Row(id: id, split: split, labels: names.isEmpty ? nil : names)
      if isLabelled, names.isEmpty {
        withoutLabels.append(id)
        if split == "train_aug" { continue }
      }
      row.mask = folders.first { $0.ids?.contains(id) == true }.map { "\($0.name)/\(id).png" }
      if row.mask == nil { withoutMask.append(id) }
      rows.append(row)
    }
    found.rows += rows
    found.splits.append(.init(name: split, count: rows.count, published: published))
    compare(rows.count, published, split)
    drop(withoutImage, "of \(split) have no file in JPEGImages: left out")
    drop(
      withoutLabels, "of \(split) have no object in Annotations: \(split == "val" ? "labels not known" : "left out")")
    // A folder that is absent as a whole is named among the missing parts; a preferred one that is there should be
    // complete.
    if folders.first?.ids != nil { drop(withoutMask, "of \(split) have no mask") }
  }

  /// In the order of the class table; empty where there is no annotation, or none that can be used.
  private mutating func labels(of id: String) -> [String] {
    guard annotations?.contains(id) == true else { return [] }
    let path = "\(root)/Annotations/\(id).xml"
    do {
      let annotation = try VOCAnnotation(contentsOf: path)
      let names = found.classes.names.dropFirst()
      if let unknown = annotation.names.first(where: { !names.contains($0) }) {
        let hint = nearestName(to: unknown, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
        throw Failure(.data, "an object of the unknown class \"\(unknown)\"\(hint)", file: path)
      }
      difficultOnly += annotation.difficultOnly.count
      return names.filter(annotation.names.contains)
    } catch {
      report(error, file: path)
      return []
    }
  }

  private mutating func report(_ error: any Error, file: String) {
    found.problems.append((error as? Failure)?.of(file: file) ?? Failure(.data, "\(error)", file: file))
  }
}
