//! L6: who talks. Clients, servers, and TCP just deep enough. Knows nothing of routes and tables: it is handed what
//! arrived and answers with what to send.

mod message;
mod tcp;

pub use message::{datagram, echo_payload, filler, http_reply, http_request};
pub use tcp::{Cause, Progress, Role, Segment, TcpEndpoint, TcpPlan};
