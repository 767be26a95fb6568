//! The address is the state: it reopens what was seen, and whatever it holds, the page opens.

use kubehop_e2e::{Page, serve_dist};

const STEP: &str = "document.querySelector('input[type=range]').value";
const NOTICE: &str = "document.querySelector('[role=alert]')?.textContent ?? ''";

/// The address is written a little later than the step: it is the last one when it has stayed for a while.
const SETTLED: &str = "new Promise(done => {
    let seen, since;
    const look = () => {
        if (location.hash !== seen) [seen, since] = [location.hash, performance.now()];
        if (performance.now() - since > 1500) done(); else setTimeout(look, 50);
    };
    look();
})";

/// Loads the page anew: another query string makes another document of it, which another fragment alone does not.
fn open(page: &mut Page, url: &str) {
    page.resize(1280, 720).unwrap();
    let loads = page.eval("Number(new URLSearchParams(location.search).get('load')) + 1").unwrap();
    let (path, fragment) = url.split_once('#').unwrap_or((url, ""));
    let path = path.split('?').next().unwrap();
    page.navigate(&format!("{path}?load={loads}#{fragment}")).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
}

#[test]
fn an_address_reopens_the_same_step_of_the_same_walk() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    open(&mut page, server.url());
    page.click("[aria-label='CNI mode'] button:last-child").unwrap();
    for _ in 0..7 {
        page.click("[aria-label='Next step']").unwrap();
    }
    page.wait_until(&format!("{STEP} === '8' && location.hash.includes('step=')")).unwrap();
    page.eval(SETTLED).unwrap();
    let url = page.eval("location.href").unwrap().as_str().unwrap().to_owned();
    let headline = page.eval("document.querySelector('h3').textContent").unwrap();
    open(&mut page, &url);
    assert_eq!(page.eval(STEP).unwrap(), "8");
    assert_eq!(page.eval("document.querySelector('h3').textContent").unwrap(), headline);
    assert!(url.contains("cni=flannel/host-gw"), "{url}");
    assert_eq!(page.eval(NOTICE).unwrap(), "");
}

#[test]
fn unknown_keys_survive() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    open(&mut page, &format!("{}#v=1&proxy=ipvs&colour=red", server.url()));
    page.click("[aria-label='Next step']").unwrap();
    page.wait_until("location.hash.includes('step=')").unwrap();
    let hash = page.eval("location.hash").unwrap().as_str().unwrap().to_owned();
    assert!(hash.contains("proxy=ipvs") && hash.contains("colour=red"), "{hash}");
}

#[test]
fn an_unreadable_link_opens_the_built_in_walk_with_a_notice() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for fragment in ["#v=9", "#from=pod/default/nobody", "#z=%%%", "#cni=no/such", "#mtu=lots", "#what"] {
        open(&mut page, &format!("{}{fragment}", server.url()));
        let notice = page.eval(NOTICE).unwrap().as_str().unwrap().to_owned();
        assert!(notice.contains("cannot be read"), "{fragment}: {notice:?}");
        assert_eq!(page.eval(STEP).unwrap(), "1", "{fragment}");
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn back_and_a_changed_address_are_followed() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    open(&mut page, server.url());
    let n_steps = page.eval("document.querySelector('input[type=range]').max").unwrap();
    page.click("[aria-label='CNI mode'] button:last-child").unwrap();
    page.wait_until("location.hash.includes('host-gw')").unwrap();
    page.eval("history.back()").unwrap();
    page.wait_until(&format!("document.querySelector('input[type=range]').max === '{}'", n_steps.as_str().unwrap()))
        .unwrap();
    page.eval("location.hash = '#step=http.syn.node-a.route'").unwrap();
    page.wait_until("document.querySelector('input[type=range]').getAttribute('aria-valuetext').includes('node-a')")
        .unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_sandboxed_frame_steps_although_its_history_throws() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    let frame = format!(r#"<iframe sandbox="allow-scripts" width=900 height=500 src="{}"></iframe>"#, server.url());
    page.eval(&format!("document.body.innerHTML = {frame:?}")).unwrap();
    let is_shown = "document.querySelector('[aria-label=\"Next step\"]') !== null";
    for _ in 0..3000 {
        if page.eval_in_frame(is_shown).unwrap() == true {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for _ in 0..3 {
        page.eval_in_frame("document.querySelector('[aria-label=\"Next step\"]').click()").unwrap();
        page.eval("new Promise(done => setTimeout(done, 100))").unwrap();
    }
    assert_eq!(page.eval_in_frame(STEP).unwrap(), "4");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
