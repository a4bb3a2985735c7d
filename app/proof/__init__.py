"""Proof: the log as a Merkle tree, its blocks, and signed checkpoints that anybody can hold us to."""
