/// What the paper's tables print, for rows beside our own. Always marked "published": none of these numbers was
/// measured here.
enum PublishedResults {
  /// PASCAL VOC 2012's classes as the paper's Table 1 has them.
  static let vocClasses = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person",
    "pottedplant", "sheep", "sofa", "train", "tvmonitor",
  ]

  struct ClassRow {
    let method: String
    /// The CRF as the paper's section 5.3 gives it; `-` where it gives none.
    let crf: String
    let mean: Double
    let iou: [Double]
  }

  /// Table 1, PASCAL VOC 2012 val, per cent.
  static let table1 = [
    ClassRow(
      method: "PSA (Ahn and Kwak, CVPR 2018)", crf: "-", mean: 61.7,
      iou: [
        88.2, 68.2, 30.6, 81.1, 49.6, 61.0, 77.8, 66.1, 75.1, 29.0, 66.0, 40.2, 80.4, 62.0, 70.4, 73.7, 42.5, 70.7,
        42.6, 68.1, 51.6,
      ]),
    ClassRow(
      method: "SSDD (the paper)", crf: "w_g 3, w_rgb 10", mean: 64.9,
      iou: [
        89.0, 62.5, 28.9, 83.7, 52.9, 59.5, 77.6, 73.7, 87.0, 34.0, 83.7, 47.6, 84.1, 77.0, 73.9, 69.6, 29.8, 84.0,
        43.2, 68.0, 53.4,
      ]),
  ]

  struct Method {
    let name: String
    let venue: String
    /// Empty where image-level labels are all.
    let supervision: String
    let val: Double?
    let test: Double?

    init(_ name: String, _ venue: String, _ supervision: String = "", val: Double?, test: Double?) {
      self.name = name
      self.venue = venue
      self.supervision = supervision
      self.val = val
      self.test = test
    }
  }

  /// Table 2: methods without additional supervision, mIoU on PASCAL VOC 2012 in per cent.
  static let table2 = [
    Method("FCN-MIL", "ICLR 2015", val: 25.7, test: 24.9), Method("CCNN", "ICCV 2015", val: 35.3, test: 35.6),
    Method("EM-Adapt", "ICCV 2015", val: 38.2, test: 39.6), Method("DCSM", "ECCV 2016", val: 44.1, test: 45.1),
    Method("BFBP", "ECCV 2016", val: 46.6, test: 48.0), Method("SEC", "ECCV 2016", val: 50.7, test: 51.7),
    Method("CBTS", "CVPR 2017", val: 52.8, test: 53.7), Method("TPL", "ICCV 2017", val: 53.1, test: 53.8),
    Method("MEFF", "CVPR 2018", val: nil, test: 55.6), Method("PSA", "CVPR 2018", val: 61.7, test: 63.7),
    Method("SSDD", "ICCV 2019, the paper", val: 64.9, test: 65.5),
  ]

  /// Table 3: methods with additional supervision.
  static let table3 = [
    Method("MIL-seg", "CVPR 2015", "saliency masks, ImageNet's images", val: 42.0, test: 40.6),
    Method("MCNN", "ICCV 2015", "web videos", val: 38.1, test: 39.8),
    Method("AFF", "ECCV 2016", "saliency masks", val: 54.3, test: 55.5),
    Method("STC", "PAMI 2017", "saliency masks, web images", val: 49.8, test: 51.2),
    Method("Oh et al.", "CVPR 2017", "saliency masks", val: 55.7, test: 56.7),
    Method("AE-PSL", "CVPR 2017", "saliency masks", val: 55.0, test: 55.7),
    Method("Hong et al.", "CVPR 2017", "web videos", val: 58.1, test: 58.7),
    Method("WebS-i2", "CVPR 2017", "web images", val: 53.4, test: 55.3),
    Method("DCSP", "BMVC 2017", "saliency masks", val: 60.8, test: 61.9),
    Method("GAIN", "CVPR 2018", "saliency masks", val: 55.3, test: 56.8),
    Method("MDC", "CVPR 2018", "saliency masks", val: 60.4, test: 60.8),
    Method("MCOF", "CVPR 2018", "saliency masks", val: 60.3, test: 61.2),
    Method("DSRG", "CVPR 2018", "saliency masks", val: 61.4, test: 63.2),
    Method("Shen et al.", "CVPR 2018", "web images", val: 63.0, test: 63.9),
    Method("SeeNet", "NIPS 2018", "saliency masks", val: 63.1, test: 62.8),
    Method("AISI", "ECCV 2018", "instance saliency masks", val: 63.6, test: 64.5),
    Method("SSDD", "ICCV 2019, the paper", "none", val: 64.9, test: 65.5),
  ]
}
