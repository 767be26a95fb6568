//! Nothing overflows, at any size, in light and dark; pictures of it all are left in `target/screenshots/`.

use std::fs;

use kubehop_e2e::{Page, serve_dist};

const SIZES: [(u32, u32); 8] =
    [(1280, 720), (1440, 900), (1240, 720), (1100, 720), (1040, 720), (700, 450), (360, 740), (320, 568)];
const STEPS: [&str; 5] = [
    "http.syn.client.app",
    "arp.client-eth0-request.node-a.bridge",
    "http.syn.node-a.route",
    "http.syn.node-a.encap",
    "http.reply.node-b.nat-postrouting",
];

/// The document does not scroll sideways; the controls are inside the window; no text is smaller than 12 px where the
/// canvas is drawn in its own size.
const FAULTS: &str = "(() => {
    const faults = [];
    const root = document.documentElement;
    if (root.scrollWidth > innerWidth) faults.push(`the page is ${root.scrollWidth} wide`);
    const kh = document.querySelector('.kh');
    if (kh.scrollWidth > kh.clientWidth) faults.push(`the widget is ${kh.scrollWidth} wide`);
    for (const name of ['First step', 'Previous step', 'Next step', 'Last step', 'Play', 'Step']) {
        const box = document.querySelector(`[aria-label=\"${name}\"]`).getBoundingClientRect();
        if (box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight)
            faults.push(`${name} is outside: ${JSON.stringify(box)}`);
    }
    for (const element of kh.querySelectorAll('section, header, footer, .ptabs, .top > *, .bar > *')) {
        const box = element.getBoundingClientRect();
        if (box.width > 0 && box.right > innerWidth + 0.5) faults.push(`${element.className.baseVal ?? element.className} ends at ${box.right}`);
    }
    for (const element of kh.querySelectorAll('*'))
        if (element.childNodes.length && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) &&
            parseFloat(getComputedStyle(element).fontSize) < 12)
            faults.push(`small text: ${element.textContent}`);
    const canvas = kh.querySelector('.canvas');
    if (canvas && canvas.getScreenCTM().a < 0.999) faults.push(`the canvas is drawn ${canvas.getScreenCTM().a} large`);
    return faults;
})()";

#[test]
fn nothing_overflows_at_any_size_in_light_and_dark() {
    let folder = xtask::root().join("target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for theme in ["light", "dark"] {
        page.emulate_media(&[("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]).unwrap();
        for (width, height) in SIZES {
            page.resize(width, height).unwrap();
            for step in STEPS {
                page.navigate(&format!("{}?{width}{theme}{step}#step={step}", server.url())).unwrap();
                page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
                page.eval("new Promise(done => setTimeout(done, 250))").unwrap();
                let faults = page.eval(FAULTS).unwrap();
                assert_eq!(faults.as_array().map(Vec::len), Some(0), "{width}x{height} {theme} {step}: {faults:#}");
                assert_eq!(page.eval("document.querySelector('.kh').dataset.theme").unwrap(), theme);
                let name = format!("{width}x{height}-{theme}-{}.png", step.replace('.', "-"));
                page.screenshot(&folder.join(name)).unwrap();
            }
        }
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn the_full_page_does_not_scroll() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    page.navigate(server.url()).unwrap();
    page.wait_until("document.querySelector('section[aria-label=Topology] svg')").unwrap();
    let root = "document.documentElement";
    assert_eq!(
        page.eval(&format!("{root}.scrollHeight <= innerHeight && {root}.scrollWidth <= innerWidth")).unwrap(),
        true
    );
    for region in ["Topology", "Packet", "Tables", "MTU", "Explanation"] {
        let shown =
            format!("document.querySelector('section[aria-label={region}]').getBoundingClientRect().height > 30");
        assert_eq!(page.eval(&shown).unwrap(), true, "{region}");
    }
}

#[test]
fn narrow_pages_show_every_panel_without_overflow() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for (width, height) in [(700, 450), (360, 740), (320, 568)] {
        page.resize(width, height).unwrap();
        page.navigate(&format!("{}?{width}#step=http.syn.node-a.encap", server.url())).unwrap();
        page.wait_until("document.querySelector('.ptabs')").unwrap();
        let n_tabs = page.eval("document.querySelectorAll('.ptabs [role=tab]').length").unwrap().as_u64().unwrap();
        for tab in 0..n_tabs {
            page.eval(&format!("document.querySelectorAll('.ptabs [role=tab]')[{tab}].click()")).unwrap();
            page.eval("new Promise(done => setTimeout(done, 80))").unwrap();
            let faults = page.eval(FAULTS).unwrap();
            assert_eq!(faults.as_array().map(Vec::len), Some(0), "{width}x{height} tab {tab}: {faults:#}");
        }
    }
}
