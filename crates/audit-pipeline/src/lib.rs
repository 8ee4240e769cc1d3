//! Sources of events, detection and sinks.
