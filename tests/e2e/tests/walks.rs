//! The built-in walks on the page: every one is walked to its end by the keyboard, is chosen from the list, and is kept in
//! the link.

use std::fs;
use std::path::PathBuf;

use kubehop_e2e::{Page, serve_dist};
use serde_json::Value;

const NOTICE: &str = "document.querySelector('[role=alert]')?.textContent ?? ''";
const STEP: &str = "Number(document.querySelector('input[type=range]').value)";
const MAX: &str = "Number(document.querySelector('input[type=range]').max)";
const TITLE: &str = "document.querySelector('.walk b').textContent";

fn open(page: &mut Page, url: &str) {
    page.navigate(url).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
}

fn text(page: &mut Page, expression: &str) -> String {
    match page.eval(expression).unwrap() {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The ids and titles of all walks, as their files have them.
fn walks() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(xtask::root().join("walks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let of = |path: &PathBuf| {
        let id = path.file_stem().unwrap().to_string_lossy().split_once('-').unwrap().1.to_owned();
        let text = fs::read_to_string(path).unwrap();
        let title = text.lines().find_map(|line| line.trim().strip_prefix("title: ")).unwrap();
        (id, title.trim_matches('"').to_owned())
    };
    files.iter().map(of).collect()
}

#[test]
fn every_walk_is_walked_to_its_end_by_the_keyboard() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    for (idx, (id, title)) in walks().into_iter().enumerate() {
        open(&mut page, &format!("{}?{idx}#s={id}", server.url()));
        assert_eq!(text(&mut page, TITLE), title);
        assert_eq!(text(&mut page, NOTICE), "", "{id}");
        let look = "document.querySelector('.look p').textContent.length > 80";
        assert_eq!(page.eval(look).unwrap(), true, "{id}: what to look for");
        page.eval("document.querySelector('[aria-label=\"Next step\"]').focus()").unwrap();
        // Some are stepped all the way, the others from both ends.
        if ["loopback", "mtu-fits", "no-endpoints"].contains(&&*id) {
            let n_steps = page.eval(MAX).unwrap().as_u64().unwrap();
            for step in 2..=n_steps {
                page.press("ArrowRight").unwrap();
                page.wait_until(&format!("{STEP} === {step}")).unwrap();
            }
        } else {
            page.press("ArrowRight").unwrap();
            page.press("End").unwrap();
        }
        page.wait_until(&format!("{STEP} === {MAX}")).unwrap();
        page.press("ArrowRight").unwrap();
        assert_eq!(page.eval(&format!("{STEP} === {MAX}")).unwrap(), true, "{id}");
        assert_eq!(page.complaints().unwrap(), Vec::<String>::new(), "{id}");
    }
}

#[test]
fn a_walk_is_chosen_by_the_keyboard_and_kept_in_the_link() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, server.url());
    assert_eq!(text(&mut page, TITLE), "ClusterIP, across nodes");
    assert_eq!(text(&mut page, "location.hash"), "");
    page.eval("document.querySelector('.walk').focus()").unwrap();
    page.press("Enter").unwrap();
    // The list opens with the focus on the walk that is walked, and Tab goes on from there.
    page.wait_until("document.activeElement.getAttribute('aria-current') === 'true'").unwrap();
    page.press("Tab").unwrap();
    page.press("Enter").unwrap();
    page.wait_until(&format!("{TITLE} === 'Two containers of one pod' && !document.querySelector('.walks')")).unwrap();
    page.wait_until("location.hash === '#v=1&s=loopback'").unwrap();
    // The focus is back inside, so that keys go on.
    page.press("ArrowRight").unwrap();
    page.wait_until("location.hash === '#v=1&s=loopback&step=http.syn.duo.route'").unwrap();
    page.click("[aria-label='Next walk']").unwrap();
    page.wait_until("location.hash === '#v=1&s=pod-opened'").unwrap();
    page.click("[aria-label='CNI mode'] button:last-child").unwrap();
    page.wait_until("location.hash === '#v=1&s=pod-opened&cni=flannel/host-gw'").unwrap();
    let url = text(&mut page, "location.href.replace('#', '?again#')");
    open(&mut page, &url);
    assert_eq!(text(&mut page, TITLE), "A pod's namespace, opened");
    assert_eq!(
        text(&mut page, "document.querySelector('[aria-label=\"CNI mode\"] [aria-pressed=true]').textContent"),
        "host-gw"
    );
    page.eval("history.back()").unwrap();
    open(&mut page, &format!("{}?none#s=ingres", server.url()));
    let notice = text(&mut page, NOTICE);
    assert!(notice.contains("no such walk") && notice.contains("ingress"), "{notice}");
    assert_eq!(text(&mut page, TITLE), "ClusterIP, across nodes");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_stop_leads_to_its_step_and_what_stands_beside_the_first_gives_way() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    open(&mut page, &format!("{}#s=model", server.url()));
    assert_eq!(page.eval("document.querySelectorAll('.exhibits td .fit:not(.bad)').length").unwrap(), 12);
    assert_eq!(page.eval("document.querySelectorAll('.laws .fit:not(.bad)').length").unwrap(), 4);
    page.eval("document.querySelectorAll('.stopb')[1].click()").unwrap();
    page.wait_until("location.hash.endsWith('step=ping.request.web-1.deliver')").unwrap();
    assert_eq!(page.eval("document.querySelector('.exhibits, .look') === null").unwrap(), true);
    open(&mut page, &format!("{}?opened#s=pod-opened", server.url()));
    let shown = text(&mut page, "document.querySelector('.exhibits').textContent");
    for part in ["ip addr", "eth0@if", "default via 10.244.0.1", "iptables-save", "cbr0"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn every_size_has_the_list_and_the_own_cluster_in_it() {
    let folder = xtask::root().join("target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for theme in ["light", "dark"] {
        page.emulate_media(&[("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]).unwrap();
        for (width, height) in [(1280, 720), (1100, 720), (1040, 720), (700, 450), (360, 740), (320, 568)] {
            page.resize(width, height).unwrap();
            open(&mut page, &format!("{}?{width}{theme}#s=black-hole", server.url()));
            let wide = "document.querySelector('.kh').scrollWidth <= document.querySelector('.kh').clientWidth
                && [...document.querySelectorAll('.top > *')].every(it => it.getBoundingClientRect().right <= innerWidth)";
            page.wait_until(wide).unwrap_or_else(|error| panic!("{width} {theme}: the bar is too wide: {error}"));
            page.screenshot(&folder.join(format!("walk-{width}-{theme}.png"))).unwrap();
            page.click(".walk").unwrap();
            page.wait_until("document.querySelector('.walks [aria-label=\"Your cluster\"]')").unwrap();
            let fits = "(() => { const sheet = document.querySelector('.walks'), box = sheet.getBoundingClientRect();
                return box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight && sheet.scrollWidth <= sheet.clientWidth; })()";
            assert_eq!(page.eval(fits).unwrap(), true, "{width} {theme}: the list is too wide");
            page.screenshot(&folder.join(format!("walks-{width}-{theme}.png"))).unwrap();
            page.press("Escape").unwrap();
            page.wait_until("!document.querySelector('.walks') && document.activeElement.matches('.walk')").unwrap();
        }
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
