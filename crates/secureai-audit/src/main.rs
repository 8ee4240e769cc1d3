//! The `secureai-audit` command.

fn main() {}
