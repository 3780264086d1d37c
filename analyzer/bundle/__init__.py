"""Any archive, folder or log as one stream of members, and where each member was taken."""

from analyzer.bundle.limits import Limits
from analyzer.bundle.model import Coverage, Layout, Member, Place
from analyzer.bundle.opened import Bundle, open_bundle

__all__ = ["Bundle", "Coverage", "Layout", "Limits", "Member", "Place", "open_bundle"]
