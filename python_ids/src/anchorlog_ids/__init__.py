"""A small network intrusion detector that delivers its alerts to an Anchorlog daemon."""

__version__ = "0.1.0"
