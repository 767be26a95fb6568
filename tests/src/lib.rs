//! Shared by the tests.

pub mod tshark;
