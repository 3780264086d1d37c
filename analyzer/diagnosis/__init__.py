"""Causes weigh the case; one arbiter decides; remedies and asks follow from the decision."""
