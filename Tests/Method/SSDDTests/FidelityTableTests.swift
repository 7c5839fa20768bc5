import Foundation
import MethodChoices
import TestSupport
import Testing

/// The table of presets in docs/fidelity.md against `MethodDefaults`.
@Suite struct FidelityTableTests {
  /// Cells of the rows that name a member, by member: paper, reference, default.
  private let documented: [String: [String]]

  init() throws {
    let text = try String(contentsOfFile: "\(Golden.packageRoot)/docs/fidelity.md", encoding: .utf8)
    var documented: [String: [String]] = [:]
    for line in text.components(separatedBy: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count >= 5, cells[1].hasPrefix("`") else { continue }
      let members = Self.values(cells[1])
      let columns = cells[2...4].map { Self.values($0 == "same" ? cells[2] : $0) }
      guard columns.allSatisfy({ $0.count == members.count }) else { continue }
      for (index, member) in members.enumerated() { documented[member] = columns.map { $0[index] } }
    }
    self.documented = documented
  }

  /// "`balanced`" is balanced, "10, 41" is two values, and what stands in brackets is a remark.
  private static func values(_ cell: String) -> [String] {
    cell.components(separatedBy: " (")[0].components(separatedBy: ", ").map {
      $0.replacingOccurrences(of: "`", with: "")
    }
  }

  @Test func everyMemberHasTheValuesOfTheTable() {
    for (column, preset) in [Preset.paper, .reference, .default].enumerated() {
      for member in Mirror(reflecting: MethodDefaults(preset)).children {
        let name = member.label ?? ""
        guard let cell = documented[name]?[column] else {
          Issue.record("docs/fidelity.md has no row for \(name)")
          continue
        }
        #expect(
          Self.agrees(member.value, cell), "\(name) is \(member.value) in the preset \(preset), the table says \(cell)")
      }
    }
  }

  private static func agrees(_ value: Any, _ cell: String) -> Bool {
    switch value {
    case let value as Bool: value == ["on", "bad"].contains(cell)
    case let value as Int: Int(cell) == value
    case let value as Float: Float(cell) == value
    case let value as Double: Double(cell) == value
    case let value as (difference: Double, background: Double):
      cell.components(separatedBy: " / ").map { Double($0) } == [value.difference, value.background]
    case let value as any RawRepresentable: value.rawValue as? String == cell
    default: false
    }
  }
}
