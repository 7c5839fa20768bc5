import Foundation
import Reporting
import Testing

/// Pages as a reader sees them, in Chromium where it is installed.
@Suite(.serialized, .enabled(if: Browser.program != nil, "Chromium is not installed"), .timeLimit(.minutes(5)))
struct BrowserTests {
  private let bench: Bench
  private static let pages = [
    "a report/index.html", "a report/images/train-1.html", "a report/browse/train-gain-1.html",
    "a report/confusion/train-ssdd-masks.html",
    "a comparison/index.html",
  ]

  init() throws {
    bench = try Bench()
    try bench.report()
    let other = try Bench(salt: 9)
    try other.report()
    try Comparison(["\(bench.path)/a report", "\(other.path)/a report"], folder: "\(bench.path)/a comparison").write()
  }

  private struct State: Decodable {
    let wide: Bool
    let broken: [String]
    let images: Int
    let unnamed: Int
  }

  private static let state = """
    (async () => {
      const images = [...document.images];
      images.forEach(i => { i.loading = 'eager'; });
      await Promise.all(images.map(i => i.complete ? 0 : new Promise(done => { i.onload = i.onerror = done; })));
      return {wide: document.documentElement.scrollWidth > window.innerWidth, images: images.length,
        broken: images.filter(i => i.naturalWidth === 0).map(i => i.src), unnamed: images.filter(i => \
        !i.hasAttribute('alt')).length};
    })()
    """

  /// Texts whose contrast to what lies behind them is under 4.5.
  private static let faint = """
    (() => {
      const parse = c => { const n = c.match(/[0-9.]+/g).map(Number); return n.length > 3 ? n : [...n.slice(0, 3), 1]; \
      };
      const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3]));
      const behind = e => { if (!e) return [255, 255, 255];
        const c = parse(getComputedStyle(e).backgroundColor); return c[3] === 1 ? c : over(c, \
        behind(e.parentElement)); };
      const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / \
      1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      return [...document.querySelectorAll('body *')].filter(e => !e.closest('.tag,script,[hidden]')
        && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
          const back = behind(e), ink = over(parse(getComputedStyle(e).color), back);
          const [x, y] = [light(back), light(ink)].sort((p, q) => q - p);
          return [(x + 0.05) / (y + 0.05), e.tagName + ' ' + e.textContent.trim().slice(0, 40)]; })
        .filter(p => p[0] < 4.5).map(p => p[0].toFixed(2) + ' ' + p[1]);
    })()
    """

  @Test func pagesFitAndEveryImageShows() throws {
    let browser = try Browser(profile: "\(bench.path)/profile")
    for page in Self.pages {
      for (width, scheme) in [(400, "light"), (1280, "dark"), (1920, "light")] {
        try browser.open("\(bench.path)/\(page)", width: width, scheme: scheme)
        let state = try browser.evaluate(Self.state, as: State.self)
        #expect(!state.wide, "\(page) scrolls sideways at \(width)")
        #expect(state.broken.isEmpty && state.unnamed == 0, "\(page)")
        #expect(page.contains("confusion/") || state.images > 3, "\(page)")
        #expect(browser.errors.isEmpty, "\(page) at \(width): \(browser.errors)")
      }
    }
  }

  @Test(arguments: ["light", "dark"]) func textIsReadable(scheme: String) throws {
    let browser = try Browser(profile: "\(bench.path)/profile")
    for page in Self.pages {
      try browser.open("\(bench.path)/\(page)", width: 1280, scheme: scheme)
      let faint = try browser.evaluate(Self.faint, as: [String].self)
      #expect(faint.isEmpty, "\(page), \(scheme)")
    }
  }

  private struct Slider: Decodable {
    let isHidden: Bool
    let value: String
    let clip: String
    let source: String
  }

  private static let slider = """
    (() => ({isHidden: document.getElementById('slider').hidden, value: document.getElementById('position').value,
      clip: document.getElementById('two').style.clipPath, source: \
      document.getElementById('one').getAttribute('src')}))()
    """

  @Test func sliderMovesByKeyboard() throws {
    let browser = try Browser(profile: "\(bench.path)/profile")
    try browser.open("\(bench.path)/a report/images/train-1.html", width: 1280, scheme: "light")
    let before = try browser.evaluate(Self.slider, as: Slider.self)
    #expect(!before.isHidden && before.value == "50")
    #expect(before.source == "../images/train-1/psa-crf.png")
    _ = try browser.evaluate("(document.getElementById('position').focus(), 1)", as: Int.self)
    for _ in 0..<5 { try browser.press("ArrowRight", code: 39) }
    let after = try browser.evaluate(Self.slider, as: Slider.self)
    #expect(after.value == "55")
    #expect(after.clip == "inset(0px 0px 0px 55%)")
    _ = try browser.evaluate("(document.getElementById('left').focus(), 1)", as: Int.self)
    try browser.press("ArrowUp", code: 38)
    #expect(try browser.evaluate(Self.slider, as: Slider.self).source == "../images/train-1/psa.png")
  }

  /// Without scripts the slider is not there, and the masks stand side by side.
  @Test func pageNeedsNoScript() throws {
    let page = try bench.text("a report/images/train-1.html")
    #expect(page.contains("<section id=\"slider\" hidden"))
    for name in ["psa.png", "psa-crf.png", "ssdd.png", "truth.png", "d-knowledge.png", "choice.png"] {
      #expect(page.contains("src=\"../images/train-1/\(name)\""), "\(name)")
    }
  }
}
