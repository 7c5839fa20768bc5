import Foundation

/// Plots as SVG files that stand alone: light and dark by the viewer's scheme, series told apart by dash and marker as
/// well as by colour.
package enum SVG {
  /// One line or set of points.
  struct Series {
    var name: String
    var points: [(x: Double, y: Double)]
    /// Nil chooses by the place in the plot.
    var isFaint = false
  }

  /// The colours of Okabe and Ito, which people with any colour vision tell apart, darkened where white needs it.
  static let colours = ["#0072b2", "#d55e00", "#008a64", "#a3527f", "#8a7600", "#2f8fc4", "#666666", "#b36b00"]
  static let darkColours = ["#56b4e9", "#ff9a52", "#2fd0a0", "#e29bc4", "#f0e442", "#9fd6f5", "#bbbbbb", "#e69f00"]
  static let dashes = ["none", "7 3", "2 3", "9 3 2 3", "none", "7 3", "2 3", "9 3 2 3"]

  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }

  /// The opening of a picture with its title for readers who do not see it.
  static func opening(width: Int, height: Int, title: String) -> String {
    let rules = colours.indices.map { ".s\($0){stroke:\(colours[$0])}.f\($0){fill:\(colours[$0])}" }.joined()
    let dark = darkColours.indices.map { ".s\($0){stroke:\(darkColours[$0])}.f\($0){fill:\(darkColours[$0])}" }.joined()
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" \
      role="img">
      <title>\(escaped(title))</title>
      <style>text{font:13px \
      system-ui,sans-serif;fill:#222}.b{fill:#fff}.g{stroke:#ddd;stroke-width:1}.a{stroke:#666;stroke-width:1}
      .l{fill:none;stroke-width:2;stroke-linejoin:round}.h{font-weight:600}\(rules)
      @media(prefers-color-scheme:dark){text{fill:#e6e6e6}.b{fill:#17191c}\
      .g{stroke:#383c42}.a{stroke:#999}\(dark)}</style>
      <rect class="b" width="\(width)" height="\(height)"/>

      """
  }

  /// Round places for about `count` ticks over a range.
  package static func ticks(_ low: Double, _ high: Double, count: Int = 5) -> [Double] {
    guard high > low, (high - low).isFinite else { return [low] }
    let rough = (high - low) / Double(count)
    let power = pow(10, floor(log10(rough)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    let first = ceil(low / step - 1e-9)
    return (0...20).map { (first + Double($0)) * step }.filter { $0 <= high + step * 1e-6 }
  }

  static func number(_ value: Double) -> String {
    let text = String(format: "%.4g", value == 0 ? 0 : value)
    return text
  }

  private static func coordinate(_ value: Double) -> String { String(format: "%.1f", value) }

  /// A plot of lines over numbers.
  ///
  /// - Parameters:
  ///   - marks: places on the x axis with a word, drawn as vertical lines.
  ///   - levels: places on the y axis with a word, drawn as horizontal lines.
  static func lines(
    title: String, x xLabel: String, y yLabel: String, _ series: [Series], marks: [(Double, String)] = [],
    levels: [(Double, String)] = [],
    yRange: ClosedRange<Double>? = nil
  ) -> String {
    let frame = Frame(series, marks: marks, levels: levels, yRange: yRange, legendRows: (series.count + 1) / 2)
    var text = opening(width: frame.width, height: frame.height, title: title)
    text += "<text class=\"h\" x=\"8\" y=\"20\">\(escaped(title))</text>\n"
    text += frame.axes(xLabel, yLabel)
    for (place, word) in levels {
      let y = coordinate(frame.y(place))
      text +=
        "<line class=\"a\" stroke-dasharray=\"4 3\" x1=\"\(frame.left)\" x2=\"\(frame.right)\" y1=\"\(y)\" "
        + "y2=\"\(y)\"/>"
      text +=
        "<text x=\"\(frame.right - 4)\" y=\"\(coordinate(frame.y(place) - 4))\" "
        + "text-anchor=\"end\">\(escaped(word))</text>\n"
    }
    for (place, word) in marks {
      let x = coordinate(frame.x(place))
      text +=
        "<line class=\"a\" stroke-dasharray=\"2 3\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(frame.top)\" "
        + "y2=\"\(frame.bottom)\"/>"
      text += "<text x=\"\(x)\" y=\"\(frame.top + 14)\" dx=\"4\">\(escaped(word))</text>\n"
    }
    for (index, one) in series.enumerated() { text += line(one, index % colours.count, frame) }
    return text + frame.legend(series) + "</svg>\n"
  }

  private static func line(_ series: Series, _ style: Int, _ frame: Frame) -> String {
    let points = series.points.filter { $0.x.isFinite && $0.y.isFinite }
    let path = points.map { "\(coordinate(frame.x($0.x))),\(coordinate(frame.y($0.y)))" }.joined(separator: " ")
    var text = "<polyline class=\"l s\(style)\" stroke-dasharray=\"\(dashes[style])\" points=\"\(path)\"/>\n"
    if points.count <= 45 {
      for point in points {
        text +=
          "<circle class=\"f\(style)\" r=\"2.5\" cx=\"\(coordinate(frame.x(point.x)))\" "
          + "cy=\"\(coordinate(frame.y(point.y)))\"/>"
      }
      text += "\n"
    }
    return text
  }
}

/// Where a plot's axes are and what they hold.
private struct Frame {
  let width = 520
  let left = 62
  let right = 508
  let top = 34
  let bottom = 250
  let height: Int
  private let xRange: (Double, Double)
  private let yRange: (Double, Double)

  init(
    _ series: [SVG.Series], marks: [(Double, String)], levels: [(Double, String)], yRange given: ClosedRange<Double>?,
    legendRows: Int
  ) {
    let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
    let (xs, ys) = (points.map(\.x) + marks.map(\.0), points.map(\.y) + levels.map(\.0))
    func widened(_ low: Double, _ high: Double, by share: Double) -> (Double, Double) {
      high > low ? (low - (high - low) * share, high + (high - low) * share) : (low - 0.5, high + 0.5)
    }
    xRange = widened(xs.min() ?? 0, xs.max() ?? 1, by: 0)
    let range = widened(ys.min() ?? 0, ys.max() ?? 1, by: 0.06)
    // An axis of shares or losses that comes near zero starts there.
    let low = (ys.min() ?? 0) >= 0 && range.0 < 0.25 * range.1 ? 0 : range.0
    yRange = given.map { ($0.lowerBound, $0.upperBound) } ?? (low, range.1)
    height = 296 + 18 * legendRows
  }

  func x(_ value: Double) -> Double { Double(left) + (value - xRange.0) / (xRange.1 - xRange.0) * Double(right - left) }
  func y(_ value: Double) -> Double {
    Double(bottom) - (value - yRange.0) / (yRange.1 - yRange.0) * Double(bottom - top)
  }

  func axes(_ xLabel: String, _ yLabel: String) -> String {
    var text = ""
    for tick in SVG.ticks(yRange.0, yRange.1) {
      let place = String(format: "%.1f", y(tick))
      text += "<line class=\"g\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(place)\" y2=\"\(place)\"/>"
      text += "<text x=\"\(left - 6)\" y=\"\(place)\" dy=\"4\" text-anchor=\"end\">\(SVG.number(tick))</text>\n"
    }
    for tick in SVG.ticks(xRange.0, xRange.1) {
      let place = String(format: "%.1f", x(tick))
      text += "<line class=\"a\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(bottom)\" y2=\"\(bottom + 4)\"/>"
      let anchor = x(tick) > Double(right) - 12 ? "end" : "middle"
      text += "<text x=\"\(place)\" y=\"\(bottom + 18)\" text-anchor=\"\(anchor)\">\(SVG.number(tick))</text>\n"
    }
    text += "<line class=\"a\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(bottom)\" y2=\"\(bottom)\"/>"
    text +=
      "<text x=\"\((left + right) / 2)\" y=\"\(bottom + 37)\" text-anchor=\"middle\">\(SVG.escaped(xLabel))</text>"
    let middle = (top + bottom) / 2
    return text
      + "<text transform=\"translate(13 \(middle)) rotate(-90)\" text-anchor=\"middle\">\(SVG.escaped(yLabel))</text>\n"
  }

  func legend(_ series: [SVG.Series]) -> String {
    series.enumerated().map { index, one in
      let style = index % SVG.colours.count
      let (x, y) = (left + index % 2 * 228, bottom + 56 + index / 2 * 18)
      return
        "<line class=\"l s\(style)\" stroke-dasharray=\"\(SVG.dashes[style])\" x1=\"\(x)\" x2=\"\(x + 26)\" "
        + "y1=\"\(y - 4)\" y2=\"\(y - 4)\"/>"
        + "<text x=\"\(x + 32)\" "
        + "y=\"\(y)\">\(SVG.escaped(one.name.count > 28 ? String(one.name.prefix(27)) + "…" : one.name))</text>\n"
    }.joined()
  }
}

extension SVG {
  /// Horizontal bars in groups: one group per category, one bar per series, with its number.
  package static func bars(
    title: String, unit: String, categories: [String], _ series: [(name: String, values: [Double?])],
    format: (Double) -> String = { String(format: "%.1f", $0) }
  ) -> String {
    let (left, right, bar, gap) = (min(200, max(70, (categories.map(\.count).max() ?? 8) * 7 + 16)), 460, 14, 10)
    let group = series.count * bar + gap
    let top = 34 + 18 * ((series.count + 1) / 2)
    let height = top + categories.count * group + 34
    let values = series.flatMap(\.values).compactMap { $0 }
    let (low, high) = (min(0, values.min() ?? 0), max(values.max() ?? 1, 1e-9))
    func x(_ value: Double) -> Double { Double(left) + (value - low) / (high - low) * Double(right - left) }
    var text = opening(width: 520, height: height, title: title)
    text += "<text class=\"h\" x=\"8\" y=\"20\">\(escaped(title))</text>\n"
    for (index, one) in series.enumerated() {
      let (x, y) = (20 + index % 2 * 245, 40 + index / 2 * 18)
      text +=
        "<rect class=\"f\(index)\" x=\"\(x)\" y=\"\(y - 10)\" width=\"12\" height=\"\(index % 2 == 0 ? 12 : 6)\"/>"
      text += "<text x=\"\(x + 18)\" y=\"\(y)\">\(escaped(one.name))</text>\n"
    }
    for (row, category) in categories.enumerated() {
      let y = top + row * group + gap / 2
      let middle = y + series.count * bar / 2 + 4
      let label = category.count > 26 ? String(category.prefix(25)) + "…" : category
      text += "<text x=\"\(left - 8)\" y=\"\(middle)\" text-anchor=\"end\">\(escaped(label))</text>\n"
      for (index, one) in series.enumerated() {
        guard let value = one.values[row] else { continue }
        let (from, to) = (min(x(0), x(value)), max(x(0), x(value)))
        // Every second series has thinner bars, so that two are told apart without colour.
        let thickness = index % 2 == 0 ? bar - 2 : bar - 7
        text += "<rect class=\"f\(index)\" x=\"\(String(format: "%.1f", from))\" y=\"\(y + index * bar)\" "
        text += "width=\"\(String(format: "%.1f", max(to - from, 0.5)))\" height=\"\(thickness)\"/>"
        text +=
          "<text x=\"\(String(format: "%.1f", to + 4))\" y=\"\(y + index * bar + 10)\" "
          + "style=\"font-size:11px\">\(escaped(format(value)))</text>\n"
      }
    }
    text += "<line class=\"a\" x1=\"\(x(0))\" x2=\"\(x(0))\" y1=\"\(top)\" y2=\"\(height - 28)\"/>"
    return text
      + "<text x=\"\((left + right) / 2)\" y=\"\(height - 10)\" "
      + "text-anchor=\"middle\">\(escaped(unit))</text>\n</svg>\n"
  }
}
