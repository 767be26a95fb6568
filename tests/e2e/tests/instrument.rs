//! What reads the packet: by hops and by lanes, bytes that light up with their field, any table of the place.

use kubehop_e2e::{Page, serve_dist};

const AT: &str = "Number(document.querySelector('input[type=range]').value)";
const ALL: &str = "Number(document.querySelector('input[type=range]').max)";

fn open(width: u32, fragment: &str) -> (xtask::server::Server, Page) {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(width, 720).unwrap();
    page.navigate(&format!("{}{fragment}", server.url())).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
    (server, page)
}

/// Chooses an option of the menu with this name.
fn choose(page: &mut Page, menu: &str, option: &str) {
    let found = page.eval(&format!(
        "(() => {{
            const menu = document.querySelector('select[aria-label=\"{menu}\"]');
            const option = [...menu.options].find(option => option.text === '{option}');
            if (!option) return [...menu.options].map(option => option.text).join();
            menu.value = option.value;
            menu.dispatchEvent(new Event('change', {{ bubbles: true }}));
            return true;
        }})()"
    ));
    assert_eq!(found.unwrap(), true, "{menu}: {option}");
}

#[test]
fn by_hops_a_walk_has_fewer_stops_and_both_ends_stop() {
    let (_server, mut page) = open(1280, "");
    let n_steps = page.eval(ALL).unwrap().as_u64().unwrap();
    page.click("[aria-label='Go by hops']").unwrap();
    page.wait_until(&format!("{ALL} < {n_steps} / 2")).unwrap();
    page.eval("document.querySelector('[aria-label=\"Next step\"]').focus()").unwrap();
    let n_stops = page.eval(ALL).unwrap().as_u64().unwrap();
    for stop in 2..=n_stops {
        page.press("ArrowRight").unwrap();
        page.wait_until(&format!("{AT} === {stop}")).unwrap();
    }
    page.press("ArrowRight").unwrap();
    assert_eq!(page.eval(AT).unwrap(), n_stops);
    page.press("ArrowLeft").unwrap();
    page.wait_until(&format!("{AT} === {n_stops} - 1")).unwrap();
    page.click("[aria-label='Go by hops']").unwrap();
    page.wait_until(&format!("{ALL} === {n_steps}")).unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn every_packet_of_a_run_can_be_jumped_to() {
    let (_server, mut page) = open(1280, "");
    choose(&mut page, "Packet of this run", "reply");
    page.wait_until("location.hash.includes('step=http.reply.')").unwrap();
    choose(&mut page, "Packet of this run", "SYN-ACK");
    page.wait_until("location.hash.includes('step=http.syn-ack.')").unwrap();
    page.eval("[...document.querySelectorAll('.legs button')].find(it => it.textContent === 'Close').click()").unwrap();
    page.wait_until("location.hash.includes('step=http.fin')").unwrap();
}

#[test]
fn a_field_its_bytes_and_its_layer_light_up_together() {
    let (_server, mut page) = open(1280, "#to=http://10.96.45.67:80&step=http.syn.node-a.nat-prerouting");
    let lit =
        |selector: &str| format!("[...document.querySelectorAll('{selector}.lit')].map(it => it.textContent).join()");
    page.eval("[...document.querySelectorAll('.ch .f')].find(it => it.textContent === 'dst').focus()").unwrap();
    page.wait_until("document.querySelector('.ch.lit')").unwrap();
    assert_eq!(page.eval(&lit(".ly")).unwrap().as_str().map(|words| words.starts_with("IP")), Some(true));
    // The destination before and after, by its four bytes.
    assert_eq!(page.eval(&lit(".hx i")).unwrap(), "0a,60,2d,43,,f4,01,02");
    assert_eq!(page.eval("document.querySelector('.where').textContent").unwrap(), "bytes 30 to 33: IP dst 10.244.1.2");
    // A byte leads to its field, and a press keeps it when the focus has gone.
    page.eval("document.activeElement.blur()").unwrap();
    page.wait_until("!document.querySelector('.ch.lit')").unwrap();
    page.eval("document.querySelector('.ly-tcp .hx i.new').click()").unwrap();
    page.wait_until("document.querySelector('.ly-tcp.lit')").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_cause_leads_to_its_row() {
    let (_server, mut page) = open(1280, "#to=http://10.96.45.67:80&step=http.syn.node-a.nat-prerouting");
    page.eval("[...document.querySelectorAll('.tabs button')].find(it => it.textContent === 'route').click()").unwrap();
    page.eval("document.querySelector('.ch button.why').click()").unwrap();
    page.wait_until("[...document.querySelectorAll('.rules .hit')].some(it => it.textContent.includes('DNAT'))")
        .unwrap();
}

#[test]
fn any_table_can_be_asked_for_and_only_what_is_seen_is_made() {
    let (_server, mut page) = open(1280, "#to=http://10.244.1.2:8080&step=http.syn.node-a.encap");
    choose(&mut page, "Any table of this place", "sysctl -a");
    page.wait_until("document.querySelectorAll('.typed li').length > 20").unwrap();
    let n_lines = "Number(document.querySelector('.rules .none').textContent.match(/[0-9]+/)[0])";
    let made = "document.querySelectorAll('.typed li').length";
    assert_eq!(page.eval(&format!("{n_lines} > {made}")).unwrap(), true);
    // At the end of the list its last line is there, at the bottom of a list that is as long as its lines.
    page.eval("document.querySelector('.rules').scrollTop = 1e6").unwrap();
    page.wait_until("document.querySelector('.typed li:last-child').getBoundingClientRect().bottom <= innerHeight")
        .unwrap();
    assert_eq!(page.eval(&format!("document.querySelector('.long').offsetHeight === 18 * {n_lines}")).unwrap(), true);
    choose(&mut page, "Any table of this place", "conntrack -L");
    page.wait_until("document.querySelector('.typed').textContent.includes('tcp')").unwrap();
    page.eval("[...document.querySelectorAll('.cmdl button')].find(it => it.textContent === 'before').click()")
        .unwrap();
    page.wait_until("document.querySelector('.rules .none').textContent.startsWith('nothing')").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
