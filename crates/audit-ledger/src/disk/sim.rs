//! The simulated disk.

/// Filled in below.
#[derive(Clone, Debug, Default)]
pub struct SimDisk;
/// Filled in below.
#[derive(Clone, Debug, Default)]
pub struct Faults;
