"""Figures of the product on this machine, each beside a bare loop of the same work in the same run."""
