//! Shared by the tests.

pub mod large;
pub mod scenario;
pub mod tshark;
