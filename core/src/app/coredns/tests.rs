//! CoreDNS: Corefiles, the chain, the cache.
