"""A snapshot member becomes typed facts: mappings, memory, limits, sysctl, cgroup, file list, pods.

``classify`` names the one parser that claims a member, ``PARSERS`` are all of them.
"""

from analyzer.snapshots.base import Parser
from analyzer.snapshots.registry import PARSERS, classify

__all__ = ["PARSERS", "Parser", "classify"]
