//! L6: who talks. Clients, servers, and TCP just deep enough. Knows nothing of routes and tables: it is handed what
//! arrived and answers with what to send.

pub mod coredns;
mod message;
mod nginx;
pub mod resolver;
mod tcp;
pub mod upstream;

pub use message::{datagram, echo_payload, filler, http_get, http_reply, http_request};
pub use nginx::{Forwarded, error_page, forwarded, relayed};
pub use tcp::{Cause, Progress, Role, SPACING, Segment, TcpEndpoint, TcpPlan};
