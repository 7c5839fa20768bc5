import Foundations
import Testing
import YAMLText

@Suite struct YAMLTextTests {
  /// `levels` lists, each of nine aliases of the one before.
  private func bomb(levels: Int) -> String {
    let lists = (1...levels).map { level in
      "l\(level): &l\(level) [\(Array(repeating: "*l\(level - 1)", count: 9).joined(separator: ", "))]\n"
    }
    return "l0: &l0 [a, b]\n" + lists.joined()
  }

  @Test func aliasesThatStandForFewValuesAreFollowed() throws {
    let node = try #require(try composeYAML("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n"))
    #expect(node["d"]?[1]?["b"]?.string == "1")
    #expect(try composeYAML("") == nil)
  }

  @Test(arguments: ["v: *l9\n", "? *l9\n: v\n", "{*l9 : v}\n", "? [*l9, *l9]\n: v\n", "x: {*l9 : 1, *l8 : 2}\n"])
  func bombsAreRefusedAtOnce(end: String) throws {
    let start = ContinuousClock.now
    let failure = #expect(throws: Failure.self) { try composeYAML(bomb(levels: 9) + end) }
    #expect(failure?.description == "line 6: expected at most 100000 values once aliases are followed, found more")
    #expect(ContinuousClock.now - start < .seconds(1))
  }

  @Test func levelsAreBounded() throws {
    let failure = #expect(throws: Failure.self) {
      try composeYAML(String(repeating: "[", count: 100) + String(repeating: "]", count: 100))
    }
    #expect(failure?.message == "expected at most 64 levels of YAML, found more")
    #expect(throws: (any Error).self) { try composeYAML(String(repeating: "[", count: 50_000)) }
    #expect(throws: Never.self) {
      try composeYAML(String(repeating: "[", count: 60) + String(repeating: "]", count: 60))
    }
  }

  @Test func otherErrorsAreLeftToYams() {
    #expect(throws: (any Error).self) { try composeYAML("a: [") }
    #expect(throws: (any Error).self) { try composeYAML("a: *b") }
  }
}
