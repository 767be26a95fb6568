//! Who answers questions about names in a run, and what those programs know.

use std::sync::Arc;

use crate::app::coredns::{DnsCluster, Server};
use crate::app::upstream::Zone;
use crate::base::{BTreeMap, Place};

/// The programs that answer on port 53, by the place whose namespace they listen in.
#[derive(Clone, Debug, Default)]
pub struct NameServers(pub BTreeMap<Place, NameServer>);

/// One of them.
#[derive(Clone, Debug)]
pub enum NameServer {
    /// CoreDNS, and what it has heard of the cluster.
    CoreDns {
        /// The program.
        server: Box<Server>,
        /// What the API server has told it.
        cluster: Arc<DnsCluster>,
    },
    /// The resolver outside.
    Upstream(Arc<Zone>),
}
