import Evaluation

/// Everything that a report says about a run, as plain data: the file `data/report.json`, which `compare` reads.
///
/// Scores are fractions, nil where undefined; pixels are counts. The page shows these numbers and no others.
public struct RunReport: Codable, Sendable {
  /// Raised when the meaning of a field changes: `compare` refuses other versions.
  public static let currentFormat = 1

  public var format = RunReport.currentFormat
  /// The pipeline's name.
  public var name: String
  /// The pipeline file, as given.
  public var pipeline: String
  /// Name and description of the data set; empty while its manifest is not made.
  public var dataset: String
  public var classes: [ClassEntry]
  public var steps: [StepRecord]
  public var evaluations: [EvaluationRecord]
  public var trainings: [TrainingRecord]
  public var splits: [SplitRecord]
  public var merges: [MergeRecord]
  /// What is missing, collapsed or contradictory, a sentence each.
  public var notes: [String]
}

/// A class of the data set, background first.
public struct ClassEntry: Codable, Sendable, Equatable {
  public var name: String
  /// `#rrggbb`, the colour in mask files.
  public var colour: String
}

/// A name with a value, in the order of the file that they come from.
public struct Setting: Codable, Sendable, Equatable {
  public var name: String
  public var value: String
}

/// One step of the pipeline with what made it.
public struct StepRecord: Codable, Sendable, Equatable {
  /// `crf`, or `crf/colour-spread-13` for a cell of a matrix.
  public var name: String
  /// The step's name without the cell.
  public var family: String
  /// Axis and value of the cell; empty for a step without a matrix.
  public var cell: [Setting]
  public var stage: String
  public var isDone: Bool
  /// Why it would run; empty where it is up to date.
  public var reason: String
  /// Wall time over all shards; nil where not all have finished.
  public var seconds: Double?
  public var command: String
  /// What the pipeline file sets, the seed included.
  public var parameters: [Setting]
  /// Input names with the steps or files that they come from.
  public var inputs: [Setting]
  /// What the outputs say of their making: `version`, `seed`, `input.NAME` with SHA-256; empty before the step is done.
  public var provenance: [Setting]
}

/// What masks are, by their place in the method.
public enum MaskRole: String, Codable, Sendable {
  /// Thresholded class activation maps.
  case activation
  /// A random walk's masks: the paper's PSA.
  case walk
  case crf
  /// m^D0, what the static stage decided.
  case merged
  /// A segmentation network trained on seeds that were not refined.
  case baseline
  /// A segmentation network trained on m^D0.
  case staticNetwork
  /// The network of the dynamic stage.
  case dynamicNetwork
  case other
}

/// One evaluation: a row of Table 1.
public struct EvaluationRecord: Codable, Sendable, Equatable {
  public var step: String
  public var family: String
  public var cell: [Setting]
  /// The evaluation's `name` parameter, or the step's name; with the cell where there is one.
  public var title: String
  public var split: String
  /// The step whose masks were scored, and which of them.
  public var masks: String
  public var variant: String
  public var role: MaskRole
  /// `0.5, 1, 1.5 with flip`, or `-` where masks come from no network at several scales.
  public var scales: String
  /// The CRF that the masks went through, or `none`.
  public var crf: String
  public var images: Int
  public var classes: [String]
  public var matrix: ConfusionMatrix

  public var meanIoU: Double? { matrix.meanIntersectionOverUnion }
  public var iou: [Double?] { matrix.intersectionOverUnion }
}

/// The log of one training, thinned to at most `TrainingLogReader.points` means over ranges of steps.
public struct TrainingRecord: Codable, Sendable, Equatable {
  public var step: String
  public var family: String
  public var cell: [Setting]
  public var stage: String
  /// Updates in the log.
  public var updates: Int
  /// The last line's values by column.
  public var last: [Setting]
  public var steps: [Double]
  public var columns: [Column]
  /// Sentences about masks that have collapsed.
  public var warnings: [String]

  public struct Column: Codable, Sendable, Equatable {
    public var name: String
    public var values: [Double]
  }
}

/// The images of one split with their scores under each kind of masks.
public struct SplitRecord: Codable, Sendable {
  public var split: String
  public var columns: [MaskColumn]
  /// Places in `columns` of the masks whose gain is told and of those it is told against; nil where there are none
  /// such.
  public var refined: Int?
  public var against: Int?
  public var hasTruth: Bool
  public var images: [ImageRecord]
}

/// Masks of one step that are shown beside others.
public struct MaskColumn: Codable, Sendable, Equatable {
  public var step: String
  public var family: String
  public var cell: [Setting]
  /// `masks` or `masks-crf`.
  public var variant: String
  public var title: String
  public var role: MaskRole
}

/// One image's scores.
public struct ImageRecord: Codable, Sendable, Equatable {
  public var id: String
  /// Names of the classes that its labels tell.
  public var labels: [String]
  /// Mean IoU over the classes that occur in truth or mask, one entry per column; nil without truth.
  public var scores: [Double?]
  /// Whether pictures of it were made.
  public var isShown: Bool
  /// Pixels where the choice between knowledge and advice was won, lost and could not be won; nil where no merge was
  /// made.
  public var choice: Choice?

  public var won: Int { choice?.won ?? 0 }
  public var lost: Int { choice?.lost ?? 0 }
}

/// Of pixels where two masks differ and the truth is known: the choice took the right one, took the wrong one, or both
/// are wrong.
public struct Choice: Codable, Sendable, Equatable {
  public var won = 0
  public var lost = 0
  public var neither = 0

  public init() {}
  public var total: Int { won + lost + neither }

  static func += (sum: inout Choice, other: Choice) {
    sum.won += other.won
    sum.lost += other.lost
    sum.neither += other.neither
  }
}

/// What one merge of knowledge and advice did, measured against the truth.
public struct MergeRecord: Codable, Sendable {
  public var step: String
  public var family: String
  public var cell: [Setting]
  public var knowledge: String
  public var advice: String
  public var split: String
  public var images: Int
  /// Images that the class guard flagged, and the mean share of differing pixels that took the advice, both as stored
  /// with the maps.
  public var badSamples: Int
  public var adviceShare: Double
  public var choice: Choice
  /// The same for the pixels of each true class.
  public var choiceByClass: [Choice]
  /// |S^{A,T}| and |S^{A,F}|: pixels where exactly one of the two masks says the class, by whether the advice is right.
  public var adviceTrue: [Int]
  public var adviceFalse: [Int]
  /// IoU of knowledge, advice, refined masks, and of a choice that is always right.
  public var knowledgeIoU: [Double?]
  public var adviceIoU: [Double?]
  public var refinedIoU: [Double?]
  public var oracleIoU: [Double?]
  public var knowledgeMean: Double?
  public var adviceMean: Double?
  public var refinedMean: Double?
  public var oracleMean: Double?
  public var knowledgeDifference: Calibration
  public var adviceDifference: Calibration
  public var confidence: Calibration
  public var bias: BiasCurve

  /// mIoU against dd_bias, recomputed from the stored d maps and the PNG masks.
  public struct BiasCurve: Codable, Sendable {
    /// The bias that the run had.
    public var own: Double
    public var biases: [Double]
    public var means: [Double?]
    /// Share of differing pixels where the recomputed choice at the own bias is the stored mask's.
    public var agreement: Double?
  }
}

/// How well a number tells a yes from a no.
public struct Calibration: Codable, Sendable, Equatable {
  /// Area under the ROC curve; nil where all are yes or all no.
  public var auc: Double?
  /// Bins with at least one pixel: the mean of the number, the share of yes, the pixels.
  public var means: [Double]
  public var shares: [Double]
  public var counts: [Int]
}
