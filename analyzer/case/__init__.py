"""The join: which log, snapshot and file list belongs to which process and which of its lives."""
