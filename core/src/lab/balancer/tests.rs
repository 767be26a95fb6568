//! Which node gets the packets for a service address.
