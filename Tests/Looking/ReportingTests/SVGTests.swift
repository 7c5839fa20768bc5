import Reporting
import Testing

@Suite struct SVGTests {
  @Test func ticksAreRoundAndWithin() {
    #expect(SVG.ticks(0, 1) == [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1])
    #expect(SVG.ticks(3, 3) == [3])
  }

  @Test func textIsEscaped() {
    let svg = SVG.bars(title: "<script>&", unit: "%", categories: ["<b>"], [("\"a\"", [1])])
    #expect(
      svg.contains("&lt;script&gt;&amp;") && svg.contains("&lt;b&gt;") && !svg.contains("<script>")
        && !svg.contains("<b>"))
  }
}
