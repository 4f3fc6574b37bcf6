"""The tables, as mapped classes: one module for each subject, so that a command maps only the tables that it reads.

These classes are never seen outside orchestrator.store.
"""
