"""The tree of errors: what can go wrong; each message says what came, what was wanted and what to do next.

MRClassError                    everything this package raises on purpose
├── UsageError                  the command or call is off (exit code 2)
├── BundleError                 a bundle folder cannot serve as a member
│   ├── WeightsMissingError     models/model.pt is not there
│   └── WeightsMismatchError    models/model.pt is not the file its metadata names (sha256)
├── SortError                   a sort would overwrite, move or mix what lies in its folder
├── LedgerError                 the run's SQLite file is unusable or belongs to another version
└── SeriesError                 a data problem: becomes a row with a reason, never ends a run
    ├── ConversionError         dcm2niix made no volume of a series
    │   └── ConversionTimeoutError
    └── VolumeError             a volume the networks cannot look at
"""

from __future__ import annotations


class MRClassError(Exception):
    """Base of every error this package raises on purpose."""


class UsageError(MRClassError):
    """The command or call is off; the message lists the choices."""


class BundleError(MRClassError):
    """A bundle folder cannot serve as a member of the ensemble."""


class WeightsMissingError(BundleError):
    """The weights file of a bundle is not there."""


class WeightsMismatchError(BundleError):
    """The weights file is not the one the bundle's metadata names."""


class SortError(MRClassError):
    """A sort would overwrite, move or mix what lies in its folder, or its disk is full."""


class LedgerError(MRClassError):
    """The run's SQLite file is unusable or was written by an incompatible version."""


class SeriesError(MRClassError):
    """A data problem of one series: it becomes a row with a reason."""


class ConversionError(SeriesError):
    """No volume could be made of a series."""


class ConversionTimeoutError(ConversionError):
    """The converter did not end within its time limit."""


class VolumeError(SeriesError):
    """A volume that the networks cannot look at."""
