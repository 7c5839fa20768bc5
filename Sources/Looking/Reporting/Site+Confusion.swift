import Evaluation
import Foundation

extension Site {
  /// Images that a cell of a matrix leads to.
  static let imagesPerCell = 8

  static func confusionPath(_ record: SplitRecord, _ column: MaskColumn) -> String {
    let step = column.step.split(separator: "/").joined(separator: "_")
    return "confusion/\(Pictures.fileName(record.split))-\(Pictures.fileName(step))-\(column.variant).html"
  }

  private func name(_ index: Int) -> String { report.classes[index].name }

  /// The matrix as HTML in shares of the true class, each cell with pixels a link to its images.
  func matrix(_ split: ReportBuilder.Split, column: Int, isOnIndex: Bool) -> String {
    let record = split.record
    let matrix = split.measured.totals[column]
    let page = isOnIndex ? link(Self.confusionPath(record, record.columns[column])) : ""
    let label = SVG.escaped("\(record.columns[column].title), \(record.split): truth in rows, masks in columns")
    var text =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(label)\"><table "
      + "class=\"heat\"><caption>\(label)</caption>\n"
    text +=
      "<thead><tr><th scope=\"col\">truth</th>"
      + (0..<matrix.classes).map { "<th scope=\"col\">\(SVG.escaped(name($0)))</th>" }.joined()
    text += "</tr></thead>\n<tbody>\n"
    for truth in 0..<matrix.classes {
      let row = matrix.truthCount(of: truth)
      text += "<tr><th scope=\"row\">\(SVG.escaped(name(truth)))</th>"
      for prediction in 0..<matrix.classes {
        let count = matrix[truth, prediction]
        let own = truth == prediction ? " class=\"own\"" : ""
        guard count > 0 else {
          text += "<td\(own) style=\"--v:0\">\(row == 0 ? "-" : "0")</td>"
          continue
        }
        let share = Double(count) / Double(row)
        let words = SVG.escaped("\(name(truth)) taken for \(name(prediction)): \(count) pixels")
        text +=
          "<td\(own) style=\"--v:\(String(format: "%.3f", share))\"><a href=\"\(page)#t\(truth)-p\(prediction)\" "
          + "title=\"\(words)\">"
        text += "\(String(format: "%.1f", share * 100))</a></td>"
      }
      text += "</tr>\n"
    }
    return text + "</tbody></table></div>\n"
  }

  /// A page for each kind of masks: its matrix, and under it for each cell the images that fill it most.
  func writeConfusionPages(_ split: ReportBuilder.Split, _ pages: PageWriter) throws {
    let record = split.record
    guard record.hasTruth else { return }
    for (index, column) in record.columns.enumerated() {
      let matrix = split.measured.totals[index]
      var fillers = [[(place: Int, count: Int)]](repeating: [], count: matrix.counts.count)
      for (place, image) in split.measured.images.enumerated() {
        for cell in image.cells[index] {
          fillers[Int(cell.truth) * matrix.classes + Int(cell.prediction)].append((place, cell.count))
        }
      }
      let entries = fillers.indices.filter { !fillers[$0].isEmpty }.map { cell in
        entry(record, matrix, truth: cell / matrix.classes, prediction: cell % matrix.classes, fillers[cell])
      }
      try pages.write(
        "confusion", to: Self.confusionPath(record, column),
        title: "\(column.title), \(record.split): what is taken for what",
        ["matrix": self.matrix(split, column: index, isOnIndex: false), "entries": entries])
    }
  }

  private func entry(
    _ record: SplitRecord, _ matrix: ConfusionMatrix, truth: Int, prediction: Int, _ fillers: [(place: Int, count: Int)]
  ) -> [String: Any] {
    let top = fillers.sorted { ($1.count, $0.place) < ($0.count, $1.place) }.prefix(Self.imagesPerCell)
    let total = matrix[truth, prediction]
    let links = top.map { filler -> [String: Any] in
      let image = record.images[filler.place]
      var context: [String: Any] = ["id": image.id, "count": "\(filler.count) px"]
      if image.isShown { context["href"] = Self.imagePath(image.id, from: "../") }
      return context
    }
    return [
      "anchor": "t\(truth)-p\(prediction)",
      "heading": truth == prediction ? "\(name(truth)), found" : "\(name(truth)) taken for \(name(prediction))",
      "note":
        "\(total) pixels in \(fillers.count) images, "
        + "\(String(format: "%.1f", Double(total) / Double(matrix.truthCount(of: truth)) * 100)) % of the class.",
      "links": links,
    ]
  }
}
