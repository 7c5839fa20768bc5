import Foundation
import Foundations
import StepFiles
import TestSupport
import Testing

@Suite struct StepFilesTests {
  private let folder = NSTemporaryDirectory() + "step-files-\(UUID().uuidString)"

  init() throws { try AtomicFile.createFolder(folder) }

  private func write(_ text: String, to name: String) throws { try AtomicFile.write(text, to: "\(folder)/\(name)") }

  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch let failure as Failure { return failure.message } catch { return "\(error)" }
    return "nothing"
  }

  // MARK: Parts

  @Test(arguments: [
    "part-0-of-0.json", "part-1-of-1000000000000.json", "part-0-of-2.json", "part-3-of-2.json", "part-01-of-2.json",
    "part--1-of-2.json",
    "part-1-of-2.h5", "part-1-of-2", ".part-1-of-2.77.partial.json", "part-1-of-10000.json",
    "part-1-of-99999999999999999999.json",
  ])
  func otherNamesAreNoParts(_ name: String) { #expect(Part(fileName: name, suffix: ".json") == nil) }

  @Test func partsBackAndForth() {
    for part in Part.all(of: 12) + [Part(index: 9999, count: 9999)] {
      #expect(Part(fileName: "\(part.stem).tsv", suffix: ".tsv") == part && Part(argument: "\(part)") == part)
    }
    for text in ["0/0", "1/0", "3/2", "1/10000", "1", "1/2/3", "a/b", "-1/2"] {
      #expect(Part(argument: text) == nil, "\(text)")
    }
    #expect(Part(index: 2, count: 3).select(Array(0..<8)) == [1, 4, 7])
    #expect(Part.all(of: 3).flatMap { $0.select(Array(0..<8)) }.sorted() == Array(0..<8))
  }

  @Test func completeSetsAndOthers() throws {
    func parts(_ names: [String]) throws -> [Part]? { try Part.complete(in: names, suffix: ".json", of: "f") }
    #expect(try parts(["part-2-of-2.json", "x", "part-1-of-2.json", "part-1-of-1.h5"]) == Part.all(of: 2))
    #expect(try parts(["step.json"]) == nil)
    #expect(message { _ = try parts(["part-1-of-2.json"]) } == "is incomplete: part-2-of-2.json of 2 parts missing")
    #expect(
      message { _ = try parts(["part-1-of-2.json", "part-1-of-1.json"]) }
        == "holds parts of more than one set (of 1 and of 2); remove the old one")
    for name in ["part-0-of-0.json", "part-1-of-1000000000000.json"] {
      #expect(message { _ = try parts([name]) } == "is not a part: expected part-I-of-N.json with 1 <= I <= N <= 9999")
    }
  }

  // MARK: Digests

  @Test func sumsDependOnNeitherOrderNorDivision() {
    let digests = (0..<20).map { SHA256.hexadecimal(of: "\($0)".utf8) }
    let whole = DigestSum(digests).hexadecimal
    #expect(DigestSum(digests.shuffled()).hexadecimal == whole)
    #expect(
      DigestSum([DigestSum(digests[..<7]).hexadecimal, DigestSum(digests[7...]).hexadecimal]).hexadecimal == whole)
    #expect(DigestSum(digests.dropLast()).hexadecimal != whole)
    let most = String(repeating: "f", count: 64)
    #expect(
      DigestSum([most, String(repeating: "0", count: 63) + "1"]).hexadecimal == String(repeating: "0", count: 64))
    #expect(DigestSum([most, most]).hexadecimal == String(repeating: "f", count: 63) + "e")
    var sum = DigestSum()
    #expect(!sum.add("abc") && !sum.add(String(repeating: "g", count: 64)) && sum == DigestSum())
  }

  @Test func cachedDigestsFollowTheContent() throws {
    try write("one", to: "a")
    let old = timespec(tv_sec: 1_000_000, tv_nsec: 0)
    // Young files are read again each time, whatever their time claims.
    var reads = 0
    let cache = DigestCache("\(folder)/digests.tsv")
    cache.reading = { _, _ in reads += 1 }
    _ = try cache.digest(ofFile: "\(folder)/a")
    #expect(try cache.digest(ofFile: "\(folder)/a") == SHA256.hexadecimal(of: "one".utf8) && reads == 2)
    var times = [old, old]
    utimensat(AT_FDCWD, "\(folder)/a", &times, 0)
    sleep(3)
    _ = try cache.digest(ofFile: "\(folder)/a")
    _ = try cache.digest(ofFile: "\(folder)/a")
    #expect(reads == 3)
    cache.save()
    // Other content of the same size under the same time: the time of change cannot be set.
    let later = DigestCache("\(folder)/digests.tsv")
    #expect(try later.digest(ofFile: "\(folder)/a") == SHA256.hexadecimal(of: "one".utf8))
    try Data("two".utf8).write(to: URL(fileURLWithPath: "\(folder)/a"))
    utimensat(AT_FDCWD, "\(folder)/a", &times, 0)
    #expect(try later.digest(ofFile: "\(folder)/a") == SHA256.hexadecimal(of: "two".utf8))
    #expect(message { _ = try later.digest(ofFile: "\(folder)/none") } == "no such file")
    #expect(message { _ = try later.digest(ofFile: folder) } == "is not a regular file")
  }

  // MARK: Completion files

  private func complete(_ part: Part?, _ recipe: Recipe, ids: [String] = [], content: String = "x") throws {
    let name = "\(part?.stem ?? "step").h5"
    try write(content, to: name)
    let list = try FileList(of: [name], in: folder)
    var completion = Completion(recipe: recipe, list: list)
    (completion.shard, completion.shards, completion.ids) = (part?.index, part?.count, ids)
    try StepFolder(folder).complete(part, completion, list)
  }

  @Test func completionFilesTellDefects() throws {
    let step = StepFolder(folder)
    let recipe = Recipe(["stage": "crf", "parameter x": "1"])
    try complete(nil, recipe)
    let completion = try #require(try step.completion(nil))
    #expect(Recipe(completion.recipe) == recipe && completion.files == 1)
    #expect(try step.defect(of: nil, completion) == nil && step.division() == [nil])
    try write("xy", to: "step.h5")
    #expect(try step.defect(of: nil, completion) == "\(folder)/step.h5 has 2 bytes instead of 1")
    unlink("\(folder)/step.h5")
    #expect(try step.defect(of: nil, completion) == "\(folder)/step.h5 is missing")
    try write("file\tbytes\tsha256\n", to: "step.tsv")
    #expect(try step.defect(of: nil, completion) == "\(folder)/step.tsv is not the list that its completion file names")
    for text in ["{}", "[", "{\"shard\": 1, \"ids\": [], \"content\": \"\"}"] {
      try write(text, to: "step.json")
      #expect(
        message { _ = try step.completion(nil) }
          == "is not a completion file of this version; `make` makes the step again")
    }
    for text in [
      "", "name\n", "file\tbytes\tsha256\n../x\t1\ta\n", "file\tbytes\tsha256\n/x\t1\ta\n",
      "file\tbytes\tsha256\nx\t-1\ta\n", "file\tbytes\tsha256\nx\n",
    ] {
      #expect(
        message { _ = try FileList(bytes: Array(text.utf8), file: "f") }.hasPrefix("is not a list of files"), "\(text)")
    }
  }

  @Test func partsOfDifferentRunsAreRefusedWithBothNames() throws {
    let (first, second) = (Part(index: 1, count: 2), Part(index: 2, count: 2))
    try complete(
      first, Recipe(["stage": "cam", "input weights": String(repeating: "a", count: 64), "manifest images": "1"]),
      ids: ["a"])
    try complete(
      second, Recipe(["stage": "cam", "input weights": String(repeating: "a", count: 64), "manifest images": "2"]),
      ids: ["b"])
    let content = try #require(try StepFolder(folder).content())
    try complete(
      second, Recipe(["stage": "cam", "input weights": String(repeating: "b", count: 64), "manifest images": "2"]),
      ids: ["b"])
    #expect(
      message { try StepFolder(folder).requireAgreementWhereComplete() }
        == "was made otherwise than part-1-of-2.json: `input weights` is bbbbbbbb... here and aaaaaaaa... there")
    try complete(
      second, Recipe(["stage": "cam", "input weights": String(repeating: "a", count: 64), "manifest images": "2"]),
      ids: ["a"])
    #expect(message { try StepFolder(folder).requireAgreementWhereComplete() } == "is also in part-1-of-2.json")
    try complete(
      second, Recipe(["stage": "cam", "input weights": String(repeating: "a", count: 64), "manifest images": "2"]),
      ids: ["b"], content: "y")
    #expect(try StepFolder(folder).content() != content)
  }

  @Test func recipesTellTheFirstDifference() {
    let old = Recipe(["stage": "crf", "parameter beta": "8", "input scores": "1", "seed": "1"])
    let new = Recipe(["stage": "crf", "parameter beta": "6", "input scores": "2", "seed": "1", "shards": "2"])
    #expect(new.differences(from: old).map(\.name) == ["parameter beta", "shards", "input scores"])
    #expect(old.digest != new.digest && Recipe(old.entries).digest == old.digest)
  }

  // MARK: Locks and leftovers

  @Test func oneOwnerAtATime() throws {
    let path = "\(folder)/.lock"
    let lock = try FolderLock(path, program: "train-cam", what: "this step")
    #expect(
      message { _ = try FolderLock(path, program: "x", what: "this step") }.hasPrefix(
        "another process is working on this step: train-cam, process \(getpid()) on "))
    #expect(FolderLock.holder(of: path)?.program == "train-cam")
    lock.release()
    #expect(FileStatus(path) == nil && FolderLock.holder(of: path) == nil)
    // What a killed process of this machine left is taken over; what another machine left is not.
    let boot = try #require(try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)).dropLast()
    try write("here\n\(boot)\n1\nlong ago\nx\n", to: ".lock")
    try FolderLock(path, program: "x", what: "this step").release()
    try write("elsewhere\nother-boot\n1\nlong ago\ncrf\n", to: ".lock")
    #expect(
      message { _ = try FolderLock(path, program: "x", what: "this step") }
        == "this step was being worked on by crf, process 1 on elsewhere since long ago UTC; if that has ended for "
        + "good, remove this file and try again"
    )
    #expect(FolderLock.holder(of: path)?.job == nil)
    try write("elsewhere\nother-boot\n1\nlong ago\ncrf\n4711\n", to: ".lock")
    #expect(FolderLock.holder(of: path)?.job == "4711")
  }

  @Test func sweepingTakesWhatKilledRunsLeftAndNothingElse() throws {
    let step = StepFolder(folder)
    try complete(Part(), Recipe(["stage": "crf"]), ids: ["a"])
    let kept = Set(step.names)
    for name in [
      ".parameters", ".parameters.previous", ".started-1", ".part-1-of-1.77.partial.h5", ".lock-1-of-1",
      "part-1-of-2.h5", "part-2-of-2.json", "part-1-of-2.tsv",
      "unfinished-1-of-1/recipe.json", "unfinished-2-of-2/x", "masks/gone.png", "masks/.a.7.partial.png",
    ] { try write("x", to: name) }
    try write("mine", to: "notes.txt")
    try step.sweep([Part()])
    #expect(Set(step.names) == kept.union(["notes.txt"]))
    // Somebody works here: nothing is touched.
    let lock = try FolderLock(step.lockPath(Part()), program: "crf", what: "it")
    try write("x", to: "unfinished-1-of-1/x")
    try step.sweep([Part()])
    #expect(FileStatus("\(folder)/unfinished-1-of-1/x") != nil)
    lock.release()
  }

  @Test func unfinishedWorkIsKeptForTheSameRecipeOnly() throws {
    let step = StepFolder(folder)
    let recipe = Recipe(["stage": "crf", "threads": "1"])
    let first = try Unfinished.open(step, nil, recipe: recipe)
    try write("x", to: "unfinished/a")
    #expect(first.discarded == nil)
    let second = try Unfinished.open(step, nil, recipe: recipe)
    #expect(second.discarded == nil && second.work.fileNames == ["a"])
    let third = try Unfinished.open(step, nil, recipe: Recipe(["stage": "crf", "threads": "2"]))
    #expect(third.discarded == Recipe.Difference(name: "threads", old: "1", new: "2") && third.work.fileNames == [])
    try write("y", to: "unfinished/masks/a.png")
    try third.work.move("masks/a.png", to: step)
    try third.work.move("masks/a.png", to: step)
    #expect(FileStatus("\(folder)/masks/a.png") != nil)
    try third.work.remove()
    #expect(FileStatus("\(folder)/unfinished") == nil)
  }
}
