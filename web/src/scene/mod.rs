//! From a trace and a cursor to shapes: who is drawn, where everything stands, what is behind and what is ahead.
//!
//! Pure: no browser, no state of the page. The components draw what comes out of here.

mod cast;
mod chart;
mod comparing;
mod dice;
mod dock;
mod efficiency;
mod fault;
pub mod geometry;
mod inspect;
mod mtu;
mod names;
mod note;
mod path;
mod picture;
mod reel;
mod station;
mod tables;
mod tag;
pub mod text;
mod track;
mod wake;

pub use cast::{Cast, Machine};
pub use chart::{CHART, Chart, Curve, rules_chart};
pub use comparing::{Comparing, comparing};
pub use dice::{Dice, Face, dice};
pub use dock::{Dock, Notch, Note};
pub use efficiency::Efficiency;
pub use fault::{FaultEnd, fault_end};
pub use inspect::{Cell, FieldRow, HexRow, LayerRow, LayerState, dump, inspect, packet_size, packet_where, told};
pub use mtu::{MtuBar, MtuSegment, mtu_bar};
pub use names::{Asked, NameRow, NameSheet, names};
pub use note::{Change, is_end, packet_title, stage_name};
pub use path::{length, rounded};
pub use picture::{Line, Mark, Picture, travel};
pub use reel::Reel;
pub use station::{Part, Station, hook_name};
pub use tables::{Fold, Kind, PIECE, RowView, TableSheet, Word, brief, kinds_at, kinds_on, sheets};
pub use tag::{FRAME, Segment, Tag, layer_class};
pub use wake::wake;
