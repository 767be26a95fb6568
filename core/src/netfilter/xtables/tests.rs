//! Tables, chains and walks.
