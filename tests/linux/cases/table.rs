//! How a file of cases is written: `name: case;`, a line each.

/// Makes a test of each case, and the table of all.
macro_rules! cases {
    ($($name:ident: $case:expr;)*) => {
        /// The cases of this file by name.
        pub(super) const CASES: &[(&str, Case)] = &[$((stringify!($name), $case)),*];

        $(#[test]
        fn $name() {
            crate::judge(stringify!($name), &$case);
        })*
    };
}
