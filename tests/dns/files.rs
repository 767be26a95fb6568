//! How glibc reads `resolv.conf`.

use kubehop_core::app::resolver::GlibcConf;

use crate::lookups::table;

#[test]
fn glibc_reads_resolv_conf_as_its_own_tests_say() {
    for case in table().glibc_files {
        let conf = GlibcConf::parse(&case.file, "www.example.com");
        let read = (&conf.nameservers, &conf.search, options(&conf));
        assert_eq!(read, (&case.nameservers, &case.search, case.options), "{}", case.id);
    }
}

/// What differs from the defaults, in the order of the tests.
fn options(conf: &GlibcConf) -> Vec<String> {
    let numbers = [("ndots", conf.ndots, 1), ("timeout", conf.timeout, 5), ("attempts", conf.attempts, 2)];
    let numbers = numbers.into_iter().filter(|(_, value, default)| value != default);
    let flags = [
        ("rotate", conf.rotate),
        ("use-vc", conf.use_vc),
        ("edns0", conf.edns0),
        ("single-request", conf.single_request),
        ("single-request-reopen", conf.single_request_reopen),
        ("no-tld-query", conf.no_tld_query),
        ("trust-ad", conf.trust_ad),
        ("no-aaaa", conf.no_aaaa),
    ];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name.to_owned());
    numbers.map(|(name, value, _)| format!("{name}:{value}")).chain(flags).collect()
}
