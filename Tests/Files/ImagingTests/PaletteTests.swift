import Imaging
import Testing

@Suite struct Palettes {
  @Test func vocColours() {
    #expect(Palette.voc.colours.count == 256)
    #expect(Palette.voc[0] == .black)
    #expect(Palette.voc[1] == RGB(128, 0, 0))
    #expect(Palette.voc[2] == RGB(0, 128, 0))
    #expect(Palette.voc[4] == RGB(0, 0, 128))
    #expect(Palette.voc[8] == RGB(64, 0, 0))
    #expect(Palette.voc[15] == RGB(192, 128, 128))
    #expect(Palette.voc[20] == RGB(0, 64, 128))
    #expect(Palette.voc[255] == RGB(224, 224, 192))
    #expect(Set(Palette.voc.colours).count == 256)
  }

  @Test func beyondTheEndIsBlack() {
    let palette = Palette([.white])
    #expect(palette[1] == .black)
    #expect(palette.setting(3, to: RGB(1, 2, 3)).colours == [.white, .black, .black, RGB(1, 2, 3)])
  }
}
