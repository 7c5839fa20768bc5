import Foundation

/// A text in double quotes as JSON has it, which YAML reads too.
public func jsonString(_ text: String) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .withoutEscapingSlashes
  // A text always has a JSON form.
  guard let data = try? encoder.encode(text) else { preconditionFailure("no JSON for \(text)") }
  return String(decoding: data, as: UTF8.self)
}
