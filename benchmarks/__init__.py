"""Speed and memory of the analyzer, as ratios to well-known commands, side by side in one run."""
