//! L0: addresses, names of places, virtual time and the seeded generator. Knows nothing of packets.

mod dice;
mod mac;
mod place;
mod service_note;
mod set;
mod sort;
mod span;
mod time;
mod writer;

pub use dice::{Dice, share};
pub use mac::MacAddr;
pub use place::{Place, PlaceError};
pub use service_note::{Refusal, ServiceNote};
pub use set::{map_of, set_of};
pub use sort::{order_of, sort_by};
pub use span::Span;
pub use time::Instant;
pub use writer::Writer;
