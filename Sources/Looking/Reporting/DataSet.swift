import Datasets

/// The manifest that images are read by; a pipeline has its own idea of one.
typealias DataSet = Datasets.Manifest
