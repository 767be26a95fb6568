//! Shared by the tests.

pub mod scenario;
pub mod tshark;
