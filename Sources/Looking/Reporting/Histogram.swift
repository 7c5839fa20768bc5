/// Two histograms over a range, of the pixels with and without a property: enough for the area under the ROC curve and
/// for calibration.
///
/// Values beyond the range count at its ends. Counts are integers, so that parts of a set add up in any order.
package struct PairedHistogram: Sendable {
  let low: Float
  let high: Float
  private(set) var yes: [Int]
  private(set) var no: [Int]

  package init(_ range: ClosedRange<Float>, bins: Int) {
    (low, high) = (range.lowerBound, range.upperBound)
    (yes, no) = ([Int](repeating: 0, count: bins), [Int](repeating: 0, count: bins))
  }

  package mutating func add(_ value: Float, _ hasProperty: Bool) {
    let place = (value - low) / (high - low) * Float(yes.count)
    let bin = min(max(Int(place.isNaN ? 0 : min(max(place, 0), Float(yes.count))), 0), yes.count - 1)
    if hasProperty { yes[bin] += 1 } else { no[bin] += 1 }
  }

  mutating func merge(_ other: PairedHistogram) {
    for bin in yes.indices {
      yes[bin] += other.yes[bin]
      no[bin] += other.no[bin]
    }
  }

  /// The probability that a pixel with the property has the larger value than one without, ties (the same bin)
  /// counting half; nil where there is no pixel of one kind.
  package var areaUnderCurve: Double? {
    let (all, none) = (Double(yes.reduce(0, +)), Double(no.reduce(0, +)))
    guard all > 0, none > 0 else { return nil }
    var (below, area) = (0.0, 0.0)
    for bin in yes.indices {
      area += Double(yes[bin]) * (below + Double(no[bin]) / 2)
      below += Double(no[bin])
    }
    return area / (all * none)
  }

  /// The histogram in `groups` ranges of equal width: the middle of the values, the share that has the property, the
  /// pixels.
  package func calibration(groups: Int) -> Calibration {
    var result = Calibration(auc: areaUnderCurve, means: [], shares: [], counts: [])
    let width = (high - low) / Float(yes.count)
    for group in 0..<groups {
      let bins = yes.count * group / groups..<yes.count * (group + 1) / groups
      let (some, none) = (bins.reduce(0) { $0 + yes[$1] }, bins.reduce(0) { $0 + no[$1] })
      guard some + none > 0 else { continue }
      let sum = bins.reduce(0.0) { $0 + Double(low + (Float($1) + 0.5) * width) * Double(yes[$1] + no[$1]) }
      result.means.append(sum / Double(some + none))
      result.shares.append(Double(some) / Double(some + none))
      result.counts.append(some + none)
    }
    return result
  }
}
