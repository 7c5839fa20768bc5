import Foundation
import Testing

/// A headless Chromium, told what to do through its debugging pipe: messages of JSON, each ended by a zero byte.
final class Browser {
  static let program = Tools.path("chromium")

  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var buffer = Data()
  private var count = 0
  private var session = ""
  /// What the page wrote to the console as an error, and what it threw.
  private(set) var errors: [String] = []
  private var isLoaded = false

  init(profile: String) throws {
    // The browser reads messages on descriptor 3 and writes them on 4; the shell puts our pipes there.
    let options = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
      "--user-data-dir=\(profile)", "about:blank",
    ]
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments =
      ["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null", Self.program ?? "chromium"] + options
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"] as? String ?? ""
    session = try call("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"] as? String ?? ""
    for domain in ["Page", "Runtime", "Log"] { try call("\(domain).enable") }
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
  }

  func open(_ path: String, width: Int, scheme: String) throws {
    errors = []
    isLoaded = false
    try call(
      "Emulation.setDeviceMetricsOverride", ["width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false])
    try call("Emulation.setEmulatedMedia", ["features": [["name": "prefers-color-scheme", "value": scheme]]])
    try call("Page.navigate", ["url": URL(fileURLWithPath: path).absoluteString])
    while !isLoaded { handle(try message()) }
  }

  /// What a script, a promise too, gives, as JSON made of it.
  func evaluate<Value: Decodable>(_ script: String, as type: Value.Type) throws -> Value {
    let expression = "(async () => JSON.stringify(await (\(script))))()"
    let answer = try call("Runtime.evaluate", ["expression": expression, "awaitPromise": true, "returnByValue": true])
    guard let result = answer["result"] as? [String: Any], let text = result["value"] as? String else {
      throw Problem(description: "\(answer)")
    }
    return try JSONDecoder().decode(type, from: Data(text.utf8))
  }

  /// Presses and releases a key as a person would.
  func press(_ key: String, code: Int) throws {
    for type in ["keyDown", "keyUp"] {
      try call("Input.dispatchKeyEvent", ["type": type, "key": key, "code": key, "windowsVirtualKeyCode": code])
    }
  }

  // MARK: Messages

  @discardableResult
  private func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
    count += 1
    var message: [String: Any] = ["id": count, "method": method, "params": parameters]
    if !session.isEmpty { message["sessionId"] = session }
    try input.fileHandleForWriting.write(contentsOf: JSONSerialization.data(withJSONObject: message) + [0])
    while true {
      let answer = try self.message()
      guard answer["id"] as? Int == count else {
        handle(answer)
        continue
      }
      if let error = answer["error"] { throw Problem(description: "\(method): \(error)") }
      return answer["result"] as? [String: Any] ?? [:]
    }
  }

  private func message() throws -> [String: Any] {
    while true {
      if let end = buffer.firstIndex(of: 0) {
        let data = Data(buffer[buffer.startIndex..<end])
        buffer = Data(buffer[buffer.index(after: end)...])
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
      }
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else { throw Problem(description: "the browser ended") }
      buffer += data
    }
  }

  private func handle(_ event: [String: Any]) {
    let parameters = event["params"] as? [String: Any] ?? [:]
    switch event["method"] as? String {
    case "Page.loadEventFired": isLoaded = true
    case "Runtime.exceptionThrown": errors.append("\(parameters)")
    case "Runtime.consoleAPICalled":
      if ["error", "assert"].contains(parameters["type"] as? String) { errors.append("\(parameters)") }
    case "Log.entryAdded":
      let entry = parameters["entry"] as? [String: Any] ?? [:]
      if entry["level"] as? String == "error" { errors.append("\(entry)") }
    default: break
    }
  }
}
