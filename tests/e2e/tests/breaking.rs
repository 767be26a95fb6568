//! Breaking things, seeing what a choice changed, and comparing: by keyboard, and back from a link.

use kubehop_e2e::{Page, serve_dist};

const READY: &str = "document.querySelector('[aria-label=\"Next step\"]')";

/// The text of the first element that a selector names.
fn text(page: &mut Page, selector: &str) -> String {
    let script = format!("document.querySelector({selector:?})?.textContent ?? ''");
    page.eval(&script).unwrap().as_str().unwrap().to_owned()
}

/// Puts the focus on an element, as Tab would, and presses Enter.
fn enter(page: &mut Page, selector: &str) {
    page.eval(&format!("document.querySelector({selector:?}).focus()")).unwrap();
    assert_eq!(page.eval(&format!("document.activeElement === document.querySelector({selector:?})")).unwrap(), true);
    page.press("Enter").unwrap();
}

fn no_overflow(page: &mut Page, what: &str) {
    let script =
        "(() => { const root = document.querySelector('.kh'); const wide = document.documentElement.clientWidth;
        return [...root.querySelectorAll('.cmp, .cmph, .sheet, .top, .bar, .change, .cnow, .chead, .crow')]
            .filter(it => it.getClientRects().length && it.getBoundingClientRect().right > wide + 1)
            .map(it => it.className); })()";
    assert_eq!(page.eval(script).unwrap(), serde_json::json!([]), "{what}");
}

#[test]
fn something_is_broken_and_mended_by_keyboard() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for (width, height) in [(1280, 720), (700, 450), (360, 740), (320, 640)] {
        page.resize(width, height).unwrap();
        page.navigate(&format!("{}?{width}#", server.url())).unwrap();
        page.wait_until(READY).unwrap();
        enter(&mut page, ".top .brk");
        page.wait_until("document.querySelector('.breakit [aria-disabled=true]')").unwrap();
        // Every outcome is computed, and the symptom comes first.
        page.wait_until("[...document.querySelectorAll('.fbtn .fs')].every(it => it.textContent != '…')").unwrap();
        no_overflow(&mut page, &format!("the menu at {width}"));
        let symptom = text(&mut page, "[data-fault=tunnel-port-blocked] > :first-child");
        assert!(symptom.contains("timed out"), "{symptom}");
        enter(&mut page, "[data-fault=tunnel-port-blocked]");
        page.wait_until("location.hash.includes('fault=tunnel-port-blocked')").unwrap();
        page.wait_until("document.querySelector('[data-fault=tunnel-port-blocked]').ariaPressed == 'true'").unwrap();
        let details = text(&mut page, ".fdet");
        assert!(details.contains("tcpdump -nei eth0") && details.contains("node-a"), "{details}");
        assert!(text(&mut page, ".top .brk").contains("tunnel-port-blocked"));
        page.press("Escape").unwrap();
        page.wait_until("!document.querySelector('.breakit')").unwrap();
        let difference = text(&mut page, ".change");
        assert!(difference.contains("First difference: step"), "{difference}");
        enter(&mut page, ".change .lnk");
        page.wait_until("location.hash.includes('step=')").unwrap();
        no_overflow(&mut page, &format!("the first difference at {width}"));
        enter(&mut page, ".change .lnk");
        page.wait_until("document.querySelector('.cmp')").unwrap();
        no_overflow(&mut page, &format!("before and now at {width}"));
        enter(&mut page, "[aria-label='Close comparison']");
        page.wait_until("!document.querySelector('.cmp')").unwrap();
        enter(&mut page, ".top .brk");
        page.wait_until("document.querySelector('.flt.on')").unwrap();
        enter(&mut page, "[data-fault=tunnel-port-blocked]");
        page.wait_until("!location.hash.includes('fault')").unwrap();
        assert!(!text(&mut page, ".top .brk").contains("tunnel-port-blocked"));
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

/// The row of the comparison, as the slider has it.
const AT: &str = "document.querySelector('input[type=range]').value";

#[test]
fn a_comparison_is_locked_to_one_step_and_reopens_from_its_link() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for (width, height) in [(1280, 720), (700, 450), (360, 740), (320, 640)] {
        page.resize(width, height).unwrap();
        let link = "#with=cni:calico/bgp&step=http.syn.node-a.neigh";
        page.navigate(&format!("{}?{width}{link}", server.url())).unwrap();
        page.wait_until("document.querySelector('.cmp')").unwrap();
        page.eval("document.querySelector('.kh').focus()").unwrap();
        // A tunnel's step is a gap beside it, and both go on together.
        for _ in 0..40 {
            if text(&mut page, ".cgrid.now").contains("no tunnel here") {
                break;
            }
            // What is read next is what the key has led to.
            let at = page.eval(AT).unwrap();
            page.press("ArrowRight").unwrap();
            page.wait_until(&format!("{AT} !== {at}")).unwrap();
        }
        let columns = text(&mut page, ".cgrid.now");
        assert!(columns.contains("no tunnel here"), "{width}: {columns}");
        no_overflow(&mut page, &format!("the comparison at {width}"));
        page.wait_until("location.hash.includes('with=cni:calico/bgp') && location.hash.includes('.encap')").unwrap();
        let here = page.eval("location.href").unwrap().as_str().unwrap().replacen('?', "?again", 1);
        page.navigate(&here).unwrap();
        page.wait_until("document.querySelector('.cmp')").unwrap();
        assert_eq!(text(&mut page, ".cgrid.now"), columns, "{width}");
        page.eval(
            "(() => { const menu = document.querySelector('[aria-label=\"Compare with\"]');
                menu.value = 'proxy:ipvs,proxy:nftables'; menu.dispatchEvent(new Event('change', { bubbles: true })); })()",
        )
        .unwrap();
        page.wait_until("document.querySelector('.cmp.n3')").unwrap();
        no_overflow(&mut page, &format!("three kube-proxies at {width}"));
        enter(&mut page, "[aria-label='Close comparison']");
        page.wait_until("!document.querySelector('.cmp') && !location.hash.includes('with')").unwrap();
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_fault_that_does_not_exist_is_said() {
    let server = serve_dist().unwrap();
    let mut page = Page::open(&format!("{}#fault=cosmic-rays", server.url())).unwrap();
    page.wait_until("document.querySelector('.notice')").unwrap();
    assert!(text(&mut page, ".notice").contains("cosmic-rays"));
}
