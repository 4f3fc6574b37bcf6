"""Muster: one action on a long list of devices, through Microsoft Graph, with the truth about each."""

__version__ = "0.1.0"
