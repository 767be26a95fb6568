//! A lookup on the page: its queries stand in a table, and each leads to the step that sent it.

use kubehop_e2e::{Page, serve_dist};

const LIT: &str = "document.querySelector('.rules .hit .ask')?.textContent";
const SHOWN: &str = "document.querySelector('.rules').textContent";

#[test]
fn a_query_in_the_table_leads_to_the_step_that_sends_it() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    page.navigate(&format!("{}#v=1&to=http://web.default/", server.url())).unwrap();
    page.wait_until(&format!("{LIT} === 'web.default.default.svc.cluster.local. A'")).unwrap();
    page.wait_until(&format!("{SHOWN}.includes('1 of 4 queries so far')")).unwrap();
    page.eval("[...document.querySelectorAll('.rules .ask')].at(2).click()").unwrap();
    page.wait_until(&format!("{LIT} === 'web.default.svc.cluster.local. A'")).unwrap();
    page.wait_until("location.hash.includes('step=dns.query-3.client.app')").unwrap();
    assert_eq!(page.eval(&format!("{SHOWN}.includes('3 of 4 queries so far, 2 of them wasted')")).unwrap(), true);
    assert_eq!(page.eval(&format!("{SHOWN}.includes('entry 2 of 3')")).unwrap(), true);
}
