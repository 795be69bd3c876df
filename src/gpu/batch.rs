//! Ordinary dispatches over whatever is ready; any backend.
