extension ClassTable {
  /// The 20 classes of PASCAL VOC in its order: mask values 1...20, VOC's colours, void 255.
  public static func voc() throws -> ClassTable {
    try ClassTable(vocNames.enumerated().map { Entry(name: $1, value: UInt8($0)) })
  }

  private static let vocNames = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike",
    "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
  ]
}
