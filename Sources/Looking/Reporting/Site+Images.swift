import Evaluation
import Foundation

extension Site {
  static let imagesPerPage = 48

  static func imagePath(_ id: String, from root: String) -> String {
    link("\(root)images/\(Pictures.fileName(id)).html")
  }

  // MARK: Cells of pictures

  /// One picture: the photograph with a mask over it.
  private func cell(
    _ split: ReportBuilder.Split, _ place: Int, root: String, over name: String?, caption: String, note: String = "",
    isLarge: Bool = false
  )
    -> [String: Any]
  {
    let image = split.record.images[place]
    let base = root + Pictures.folder(of: image.id)
    let made = split.made[image.id]
    let regions = name.flatMap { made?.regions[$0] } ?? []
    let list = regions.map { "\($0.name) \(String(format: "%.1f", $0.share * 100)) %" }.joined(separator: ", ")
    let alternative = name == nil ? "photograph" : "\(caption)\(list.isEmpty ? "" : ": \(list)")"
    var cell: [String: Any] = [
      "src": link("\(base)/\(Pictures.photograph)"), "alt": alternative, "caption": caption, "width": made?.width ?? 4,
      "height": made?.height ?? 3,
      "href": isLarge ? link("\(base)/\(name ?? Pictures.photograph)") : Self.imagePath(image.id, from: root),
    ]
    if let name { cell["over"] = [link("\(base)/\(name)")] }
    let words = [note, isLarge ? list : ""].filter { !$0.isEmpty }.joined(separator: "; ")
    // Always there, since a template looks further out for what it does not find.
    cell["note"] = words
    cell["hasNote"] = !words.isEmpty
    if isLarge {
      cell["tags"] = regions.filter { $0.share > 0.015 && $0.name != report.classes.first?.name }.map { region in
        // Kept off the border, where a word would be cut.
        [
          "name": region.name, "x": String(format: "%.1f", min(max(region.x, 12), 88)),
          "y": String(format: "%.1f", min(max(region.y, 6), 94)),
        ]
      }
    }
    return cell
  }

  /// A d map, alone.
  private func mapCell(
    _ split: ReportBuilder.Split, _ place: Int, root: String, _ name: String, caption: String, isLarge: Bool = false
  ) -> [String: Any] {
    let image = split.record.images[place]
    let path = link("\(root)\(Pictures.folder(of: image.id))/\(name)")
    let made = split.made[image.id]
    return [
      "src": path, "alt": caption, "caption": caption, "hasNote": false, "width": made?.width ?? 4,
      "height": made?.height ?? 3,
      "href": isLarge ? path : Self.imagePath(image.id, from: root),
    ]
  }

  /// The paper's columns (a) to (g): image, knowledge, its d map, advice, its d map, refined, truth.
  func seedCells(_ split: ReportBuilder.Split, _ place: Int, root: String) -> [[String: Any]] {
    guard let merge = split.merge else { return networkCells(split, place, root: root) }
    let record = split.record
    func masks(_ step: String, _ letter: String) -> [[String: Any]] {
      guard let column = record.columns.firstIndex(where: { $0.step == step && $0.variant == "masks" }) else {
        return []
      }
      return [maskCell(split, place, root: root, column: column, prefix: "(\(letter)) ")]
    }
    return [cell(split, place, root: root, over: nil, caption: "(a) image")] + masks(merge.knowledge.name, "b")
      + [mapCell(split, place, root: root, Pictures.knowledgeDifference, caption: "(c) d of (b)")]
      + masks(merge.advice.name, "d")
      + [mapCell(split, place, root: root, Pictures.adviceDifference, caption: "(e) d of (d)")]
      + masks(merge.step.name, "f")
      + (record.hasTruth ? [cell(split, place, root: root, over: Pictures.truth, caption: "(g) truth")] : [])
  }

  /// Image, each kind of masks, truth.
  func networkCells(
    _ split: ReportBuilder.Split, _ place: Int, root: String, isLarge: Bool = false
  ) -> [[String: Any]] {
    let truth =
      split.record.hasTruth
      ? [cell(split, place, root: root, over: Pictures.truth, caption: "truth", isLarge: isLarge)] : []
    return [cell(split, place, root: root, over: nil, caption: "image", isLarge: isLarge)]
      + split.record.columns.indices.map { maskCell(split, place, root: root, column: $0, isLarge: isLarge) } + truth
  }

  private func maskCell(
    _ split: ReportBuilder.Split, _ place: Int, root: String, column: Int, prefix: String = "", isLarge: Bool = false
  ) -> [String: Any] {
    let (record, scores) = (split.record.columns[column], split.record.images[place].scores)
    let score = column < scores.count ? "mIoU \(EvaluationReport.percent(scores[column]))" : ""
    return cell(
      split, place, root: root, over: Pictures.fileName(of: record), caption: prefix + record.title, note: score,
      isLarge: isLarge)
  }

  // MARK: One page per image

  func writeImagePages(_ split: ReportBuilder.Split, _ pages: PageWriter) throws {
    let shown = split.record.images.indices.filter { split.record.images[$0].isShown }
    for (index, place) in shown.enumerated() {
      let image = split.record.images[place]
      var context = imageContext(split, place)
      if index > 0 { context["previous"] = Self.imagePath(split.record.images[shown[index - 1]].id, from: "../") }
      if index + 1 < shown.count {
        context["next"] = Self.imagePath(split.record.images[shown[index + 1]].id, from: "../")
      }
      try pages.write(
        "image", to: "images/\(Pictures.fileName(image.id)).html", title: "\(image.id): \(report.name)", context)
    }
  }

  private func imageContext(_ split: ReportBuilder.Split, _ place: Int) -> [String: Any] {
    let (record, root) = (split.record, "../")
    let image = record.images[place]
    var cells = networkCells(split, place, root: root, isLarge: true)
    if split.merge != nil {
      cells += [
        mapCell(split, place, root: root, Pictures.knowledgeDifference, caption: "d of the knowledge", isLarge: true),
        mapCell(split, place, root: root, Pictures.adviceDifference, caption: "d of the advice", isLarge: true),
      ]
      if record.hasTruth { cells.append(choiceCell(split, place, root: root)) }
    }
    let base = root + Pictures.folder(of: image.id)
    var sources = record.columns.map { ($0.title, Pictures.fileName(of: $0)) }
    if record.hasTruth { sources.append(("truth", Pictures.truth)) }
    let (left, right) = (record.against ?? 0, record.refined ?? max(sources.count - 1, 0))
    let made = split.made[image.id]
    var context: [String: Any] = [
      "id": image.id, "facts": "Split \(record.split); \(note(record, place)).", "cells": cells,
      "hasScale": split.merge != nil,
      "hasChoice": split.merge != nil && record.hasTruth, "photograph": link("\(base)/\(Pictures.photograph)"),
      "width": made?.width ?? 4,
      "height": made?.height ?? 3, "slideWidth": max(made?.width ?? 0, 640),
      "tables": record.hasTruth ? [scoreTable(split, place)] : [],
    ]
    context["choices"] = sources.enumerated().map { index, source in
      ["src": link("\(base)/\(source.1)"), "word": source.0, "left": index == left, "right": index == right]
        as [String: Any]
    }
    context["leftSource"] = sources.indices.contains(left) ? link("\(base)/\(sources[left].1)") : ""
    context["rightSource"] = sources.indices.contains(right) ? link("\(base)/\(sources[right].1)") : ""
    return context
  }

  private func choiceCell(_ split: ReportBuilder.Split, _ place: Int, root: String) -> [String: Any] {
    let choice = split.record.images[place].choice ?? Choice()
    var cell = cell(
      split, place, root: root, over: Pictures.choice, caption: "choice where the masks differ", isLarge: true)
    cell["hasNote"] = true
    cell["note"] = "\(choice.won) pixels won, \(choice.lost) lost, \(choice.neither) where both are wrong"
    cell["alt"] = "choice: \(choice.won) pixels won, \(choice.lost) lost, \(choice.neither) where both are wrong"
    return cell
  }

  /// IoU of the classes that occur in the image, one row per kind of masks.
  private func scoreTable(_ split: ReportBuilder.Split, _ place: Int) -> [String: Any] {
    let scores = split.measured.images[place].cells.map { $0.iou(classes: report.classes.count) }
    let classes = Set(scores.flatMap(\.keys)).sorted()
    let rows = split.record.columns.enumerated().map { index, column in
      (
        column.title, "measured",
        [EvaluationReport.percent(split.record.images[place].scores[index])]
          + classes.map { EvaluationReport.percent(scores[index][$0]) }
      )
    }
    return Self.context(
      label: "IoU in %", header: ["masks", "mean"] + classes.map { report.classes[$0].name }, rows: rows)
  }

  // MARK: Sorted lists

  /// An order of a split's images.
  private struct Order {
    var key: String
    var word: String
    var explanation: String
    var places: [Int]
    /// What stands beside an image in this list.
    var note: (Int) -> String
  }

  private func orders(_ split: ReportBuilder.Split) -> [Order] {
    let record = split.record
    let shown = record.images.indices.filter { record.images[$0].isShown }
    var result = [
      Order(key: "order", word: "in the order of the manifest", explanation: "All images with pictures.", places: shown)
      {
        note(record, $0)
      }
    ]
    guard record.hasTruth, let refined = record.refined else { return result }
    let gains = shown.compactMap { place in record.gain(of: place).map { (place, $0) } }
    let word = record.columns[refined].title
    if let against = record.against {
      let pair = "\(word) against \(record.columns[against].title), mean IoU of the image"
      let down = gains.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.map(\.0)
      result.append(
        Order(key: "gain", word: "by gain", explanation: "Largest gain first: \(pair).", places: down) {
          note(record, $0)
        })
      let up = gains.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
      result.append(
        Order(key: "loss", word: "by loss", explanation: "Largest loss first: \(pair).", places: up) {
          note(record, $0)
        })
    }
    func score(_ place: Int) -> Double { record.images[place].scores[refined] ?? 0 }
    let byScore = shown.sorted { (score($0), $0) < (score($1), $1) }
    result.append(
      Order(
        key: "iou", word: "by mIoU, worst first", explanation: "\(word): mean IoU of the image, lowest first.",
        places: byScore
      ) {
        "mIoU \(EvaluationReport.percent(record.images[$0].scores[refined]))"
      })
    for (index, entry) in report.classes.enumerated().dropFirst() {
      let scores = shown.compactMap { place in
        split.measured.images[place].cells[refined].iou(classes: report.classes.count)[index].map { (place, $0) }
      }
      guard !scores.isEmpty else { continue }
      let byPlace = Dictionary(uniqueKeysWithValues: scores)
      result.append(
        Order(
          key: "class-\(entry.name)", word: "\(entry.name), worst first",
          explanation: "\(word): images with \(entry.name) in truth or mask, lowest IoU first.",
          places: scores.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
        ) { "IoU \(EvaluationReport.percent(byPlace[$0]))" })
    }
    return result
  }

  private static func listPath(_ split: String, _ key: String, page: Int) -> String {
    "browse/\(Pictures.fileName(split))-\(Pictures.fileName(key))-\(page).html"
  }

  func listLinks(_ split: ReportBuilder.Split) -> [[String: Any]] {
    orders(split).filter { !$0.places.isEmpty }.map { order in
      [
        "href": link(Self.listPath(split.record.split, order.key, page: 1)),
        "word": "\(order.word) (\(order.places.count))",
      ]
    }
  }

  func writeLists(_ split: ReportBuilder.Split, _ pages: PageWriter) throws {
    let column = split.record.refined ?? split.record.columns.indices.last
    for order in orders(split) where !order.places.isEmpty {
      let count = (order.places.count + Self.imagesPerPage - 1) / Self.imagesPerPage
      for page in 1...count {
        let places = order.places[(page - 1) * Self.imagesPerPage..<min(page * Self.imagesPerPage, order.places.count)]
        let cells = places.map { place -> [String: Any] in
          let name = column.map { Pictures.fileName(of: split.record.columns[$0]) }
          return cell(
            split, place, root: "../", over: name, caption: split.record.images[place].id, note: order.note(place))
        }
        let links: [[String: Any]] =
          count == 1
          ? []
          : (1...count).map { other in
            var context: [String: Any] = ["word": "\(other)"]
            if other != page {
              context["href"] = link("../" + Self.listPath(split.record.split, order.key, page: other))
            }
            return context
          }
        try pages.write(
          "browse", to: Self.listPath(split.record.split, order.key, page: page),
          title: "\(split.record.split) \(order.word)",
          ["explanation": order.explanation, "cells": cells, "pages": links])
      }
    }
  }
}
