//! What can be typed after `cargo xtask`.

use lexopt::prelude::{Long, Value, ValueExt};

use crate::groups::GROUPS;

/// One command, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Build the page and serve it on this port of 127.0.0.1.
    Serve {
        /// Zero lets the system choose one.
        port: u16,
    },
    /// Build the page into `dist/`.
    Dist,
    /// Run these groups of checks.
    Test {
        /// Names in [`GROUPS`]; none means all of them.
        groups: Vec<String>,
    },
    /// Compare with this machine's kernel.
    Kernel {
        /// Also write down what the kernel did, for machines where it cannot be asked.
        record: bool,
    },
    /// Run the benchmarks.
    Bench,
    /// Draw the pictures of the page anew.
    Pictures,
}

/// What to print when the arguments make no sense.
#[must_use]
pub fn usage() -> String {
    let groups = GROUPS.iter().map(|group| group.name).collect::<Vec<_>>().join(" ");
    format!(
        "usage: cargo xtask COMMAND\n\n\
         \x20 serve [--port N]    build the page and serve it on 127.0.0.1 (port 8080)\n\
         \x20 dist                build the page into dist/\n\
         \x20 test [GROUP…]       run every check, or these: {groups}\n\
         \x20 kernel [--record]   compare with this machine's kernel; --record keeps what it did\n\
         \x20 bench               run the benchmarks\n\
         \x20 pictures            draw anew what README and the static page show"
    )
}

/// Understands the arguments, or says what is wrong with them.
pub fn parse(mut parser: lexopt::Parser) -> Result<Invocation, lexopt::Error> {
    let Some(Value(command)) = parser.next()? else {
        return Err("name a command".into());
    };
    let mut invocation = match command.string()?.as_str() {
        "serve" => Invocation::Serve { port: 8080 },
        "dist" => Invocation::Dist,
        "test" => Invocation::Test { groups: Vec::new() },
        "kernel" => Invocation::Kernel { record: false },
        "bench" => Invocation::Bench,
        "pictures" => Invocation::Pictures,
        unknown => return Err(format!("there is no command `{unknown}`").into()),
    };
    while let Some(arg) = parser.next()? {
        match (&mut invocation, arg) {
            (Invocation::Serve { port }, Long("port")) => *port = parser.value()?.parse()?,
            (Invocation::Kernel { record }, Long("record")) => *record = true,
            (Invocation::Test { groups }, Value(name)) => {
                let name = name.string()?;
                if !GROUPS.iter().any(|group| group.name == name) {
                    return Err(format!("there is no group `{name}`").into());
                }
                groups.push(name);
            }
            (_, arg) => return Err(arg.unexpected()),
        }
    }
    Ok(invocation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|problem| problem.to_string())
    }

    #[test]
    fn each_command_takes_its_own_options() {
        assert_eq!(parsed("serve"), Ok(Invocation::Serve { port: 8080 }));
        assert_eq!(parsed("serve --port 9000"), Ok(Invocation::Serve { port: 9000 }));
        assert_eq!(parsed("test"), Ok(Invocation::Test { groups: vec![] }));
        assert_eq!(parsed("test fmt size"), Ok(Invocation::Test { groups: vec!["fmt".to_owned(), "size".to_owned()] }));
        assert_eq!(parsed("kernel --record"), Ok(Invocation::Kernel { record: true }));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in ["", "--help", "sevre", "dist --port 1", "test everything", "serve --port many"] {
            assert!(parsed(line).is_err(), "{line:?} was taken");
        }
    }
}
