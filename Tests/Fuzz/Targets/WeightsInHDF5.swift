import Foundation
import Foundations
import TensorStore
import TestSupport

/// Damaged HDF5 weights, read as the stages do: in a process of its own, which serves many inputs until one ends it.
struct HDF5WeightsTarget: FuzzTarget {
  static let name = "hdf5-weights"
  static let about = "weights in HDF5"
  private var reading: IsolatedReading

  init(_ setting: FuzzSetting) throws {
    let seeds = try Seed.hdf5(in: setting.folder) + setting.seeds.map(\.sealed)
    reading = try IsolatedReading(seeds, setting) { _ = try WeightsFile.load($0) }
  }

  mutating func run(_ index: Int) throws { try reading.run(index) }
  mutating func finish() { reading.finish() }
  var remark: String { reading.remark }
}
