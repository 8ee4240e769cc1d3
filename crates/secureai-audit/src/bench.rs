//! The benchmark: what this machine can do, and what the program makes of it, measured in one run.

mod random;
mod workload;
