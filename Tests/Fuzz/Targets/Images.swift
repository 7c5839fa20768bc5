import Foundation
import Foundations
import Imaging
import LabelMasks
import TensorStore
import TestSupport

/// Damaged pictures and masks: what libpng and libjpeg make of them, and the C code around these.
struct ImageTarget: FuzzTarget {
  static let name = "images"
  static let about = "pictures and masks in PNG and JPEG"
  private let seeds: [Seed]

  init(_ setting: FuzzSetting) throws {
    let image = RGBImage(width: 24, height: 17, pixels: (0..<24 * 17 * 3).map { UInt8(truncatingIfNeeded: $0 &* 37) })
    let mask = LabelMask(width: 24, height: 17, labels: (0..<24 * 17).map { UInt8($0 % 3) })
    try image.writePNG(to: setting.folder.file("picture.png"), text: [("stage", "crf")])
    try image.writeJPEG(to: setting.folder.file("photograph.jpg"))
    try mask.write(to: setting.folder.file("mask.png"), palette: Palette.voc, text: [("stage", "crf")])
    let files = try ["picture.png", "photograph.jpg", "mask.png"].map { try Seed(path: setting.folder.file($0)) }
    seeds = (try files + setting.seeds).map(\.withPNGChecksums)
    for seed in seeds { try Self.read(seed.bytes) }
  }

  func run(_ index: Int) throws { try Self.read(seeds.input(index).bytes) }

  private static func read(_ bytes: [UInt8]) throws {
    _ = try RGBImage(encoded: bytes)
    // Photographs are no masks.
    do { _ = try LabelMask(encoded: bytes) } catch let failure as Failure where failure.kind == .data {}
  }
}

extension Seed {
  /// The same with the checksums of PNG's chunks made anew after every other damage, so that it gets beyond them.
  fileprivate var withPNGChecksums: Seed {
    Seed(name: name, bytes: bytes) { mutations in
      var damaged = mutations.mutated(bytes)
      guard mutations.isRenewing, damaged.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return damaged }
      var position = 8
      while damaged.count - position >= 12 {
        let length = damaged[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
        let end = position + 8 + length
        guard end + 4 <= damaged.count else { break }
        let checksum = damaged[position + 4..<end].withUnsafeBytes { CRC32.checksum($0) }
        for index in 0..<4 { damaged[end + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * index)) }
        position = end + 4
      }
      return damaged
    }
  }
}
