"""A snapshot member becomes typed facts: mappings, memory, limits, sysctl, cgroup, file list, pods.

``classify`` names the one parser that claims a text by its path and head, ``claimed`` that of a member and
where its content begins; ``PARSERS`` are all of them.
"""

from analyzer.snapshots.base import Parser
from analyzer.snapshots.registry import PARSERS, claimed, classify

__all__ = ["PARSERS", "Parser", "claimed", "classify"]
