//! RFC 6962 tree, C2SP tiles, checkpoints and proofs.
