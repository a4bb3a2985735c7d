"""One command per claim. Each prints ratios to a named peer measured in the same run; times alone mean nothing."""
