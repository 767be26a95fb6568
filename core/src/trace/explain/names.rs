//! Words for names: what is asked, what is answered, and what the resolver makes of it.

use super::Words;
use crate::trace::{Hop, Resolves, Trace};

pub(super) fn resolves(_trace: &Trace, _hop: &Hop, by: &str, resolves: &Resolves) -> Words {
    let (headline, what) = match resolves {
        Resolves::Waits => (format!("{by} waits for the answer to its other question."), String::new()),
        Resolves::NextName(name) => (format!("{by} asks for the next name: {name}"), String::new()),
        Resolves::AsksAgain(server) => (format!("{by} asks {server} the same."), String::new()),
        Resolves::ByTcp => (format!("{by} asks again over TCP."), String::new()),
        Resolves::Found(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            (format!("{by} has it: {}", addresses.join(", ")), String::new())
        }
        Resolves::GivesUp(error) => (format!("{by} gives up: {error}"), String::new()),
    };
    (headline, what, String::new())
}
