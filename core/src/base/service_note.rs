//! For which service a row was written, and why it refuses if it does: for whoever explains the row. It decides nothing.

/// What the writer of a row knew of the service port that it wrote it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceNote {
    /// `NAMESPACE/SERVICE:PORT`, or without the colon if the port has no name.
    pub name: String,
    /// Why the row refuses packets for it; `None` if it serves them.
    pub refusal: Option<Refusal>,
}

/// Why packets for a service are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its EndpointSlices name no endpoint for the port.
    NoEndpoints,
    /// They name so many, and none is ready.
    NotReady(usize),
    /// So many are ready, and none is on this node, which its traffic policy asks for.
    NoneLocal(usize),
    /// The client is not among `loadBalancerSourceRanges`.
    Source,
}
