extension Filter {
  /// exp(-|x_i - x_j|^2 / 2 spread^2) over the pixels of an image, row after row.
  static func position(width: Int, height: Int, spread: Float, weight: Float, threads: Int) throws -> Filter {
    let columns = (0..<width).map { Float($0) / spread }
    let rows = (0..<height).map { Float($0) / spread }
    let lattice = try PermutohedralLattice(
      pointCount: width * height, largest: [columns[width - 1], rows[height - 1]], threads: threads
    ) { first, features in
      eachPixel(from: first, width: width, height: height) { lane, x, y in
        features[0][lane] = columns[x]
        features[1][lane] = rows[y]
      }
    }
    return Filter(lattice, weight: weight, threads: threads)
  }

  /// exp(-|x_i - x_j|^2 / 2 spread^2 - |c_i - c_j|^2 / 2 colourSpread^2), c the RGB value in 0...255.
  static func bilateral(
    width: Int, height: Int, rgb: [UInt8], spread: Float, colourSpread: Float, weight: Float, threads: Int
  ) throws -> Filter {
    let columns = (0..<width).map { Float($0) / spread }
    let rows = (0..<height).map { Float($0) / spread }
    let levels = (0...255).map { Float($0) / colourSpread }
    let lattice = try rgb.withUnsafeBufferPointer { rgb in
      try PermutohedralLattice(
        pointCount: width * height,
        largest: [columns[width - 1], rows[height - 1], levels[255], levels[255], levels[255]], threads: threads
      ) { first, features in
        eachPixel(from: first, width: width, height: height) { lane, x, y in
          let pixel = 3 &* (y &* width &+ x)
          features[0][lane] = columns[x]
          features[1][lane] = rows[y]
          features[2][lane] = levels[Int(rgb[pixel])]
          features[3][lane] = levels[Int(rgb[pixel &+ 1])]
          features[4][lane] = levels[Int(rgb[pixel &+ 2])]
        }
      }
    }
    return Filter(lattice, weight: weight, threads: threads)
  }

  /// Calls `body(lane, x, y)` for up to eight pixels from number `first` on.
  @inline(__always)
  private static func eachPixel(
    from first: Int, width: Int, height: Int, _ body: (_ lane: Int, _ x: Int, _ y: Int) -> Void
  ) {
    var y = first / width
    var x = first &- y &* width
    for lane in 0..<8 where y < height {
      body(lane, x, y)
      x &+= 1
      if x == width { (x, y) = (0, y &+ 1) }
    }
  }
}
