//! Everybody can use it: axe-core finds no violation of WCAG 2.2 AA, in any layout and theme, with whatever is open.

use std::fs;

use kubehop_e2e::{Page, serve_dist};
use serde_json::json;

const LAYOUTS: [(u32, u32); 5] = [(1280, 720), (1060, 720), (700, 450), (360, 740), (320, 568)];
/// What can be opened: names of buttons, one after the other. A layout that lacks one is passed over.
const OPENED: [&[&str]; 7] = [
    &[],
    &["Help"],
    &["More settings"],
    &["Settings"],
    &["Text view"],
    &["Payload against the MTU: a chart"],
    &["While it runs"],
];
const RULES: &str = "{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }";

/// The violations, each with the element concerned.
fn violations(page: &mut Page) -> Vec<String> {
    let found = page.eval(&format!(
        "axe.run(document, {RULES}).then(found => found.violations.flatMap(rule =>
            rule.nodes.map(node => `${{rule.id}}: ${{node.html.slice(0, 160)}} ${{node.any[0]?.message ?? ''}}`)))"
    ));
    let found = found.unwrap();
    found.as_array().into_iter().flatten().map(|words| words.as_str().unwrap_or_default().to_owned()).collect()
}

/// Presses a button by its name or title; false where this layout has none.
fn press(page: &mut Page, name: &str) -> bool {
    let found = page.eval(&format!(
        "(() => {{
            const named = it => (it.getAttribute('aria-label') ?? it.title) === '{name}' && it.getClientRects().length;
            const button = [...document.querySelectorAll('.kh button')].find(named);
            button?.click();
            return Boolean(button);
        }})()"
    ));
    page.eval("new Promise(done => setTimeout(done, 120))").unwrap();
    found.unwrap() == true
}

#[test]
fn axe_finds_nothing_in_any_layout_and_theme_with_whatever_is_open() {
    let axe = fs::read_to_string(xtask::axe()).expect("axe-core: `cargo xtask test e2e` installs it");
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    let (mut opened, mut all) = (0, Vec::new());
    for theme in ["light", "dark"] {
        page.emulate_media(&[("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]).unwrap();
        for (width, height) in LAYOUTS {
            page.resize(width, height).unwrap();
            page.navigate(&format!("{}?{width}{theme}#step=http.syn.node-a.encap", server.url())).unwrap();
            page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
            page.eval(&axe).unwrap();
            for names in OPENED {
                if !names.iter().all(|name| press(&mut page, name)) {
                    continue;
                }
                opened += 1;
                for found in violations(&mut page) {
                    all.push(format!("{width} {theme} {names:?}: {found}"));
                }
                page.eval("document.querySelector('.sheet header .icon, .sheet .btn[title^=Close]')?.click()").unwrap();
                page.wait_until("!document.querySelector('.sheet')").unwrap();
            }
            let n_tabs = page.eval("document.querySelectorAll('.ptabs [role=tab]').length").unwrap().as_u64().unwrap();
            for tab in 0..n_tabs {
                page.eval(&format!("document.querySelectorAll('.ptabs [role=tab]')[{tab}].click()")).unwrap();
                page.eval("new Promise(done => setTimeout(done, 80))").unwrap();
                for found in violations(&mut page) {
                    all.push(format!("{width} {theme} tab {tab}: {found}"));
                }
            }
        }
    }
    assert_eq!(all, Vec::<String>::new());
    assert!(opened > 40, "{opened} times something was open");
}

#[test]
fn targets_are_large_enough_and_larger_under_a_finger() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for (has_touch, least) in [(false, 24), (true, 44)] {
        page.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": has_touch })).unwrap();
        for (width, height) in LAYOUTS {
            page.resize(width, height).unwrap();
            page.navigate(&format!("{}?{width}{has_touch}#step=http.syn.node-a.encap", server.url())).unwrap();
            page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
            page.wait_until("document.querySelector('.ptabs') || innerWidth >= 1040").unwrap();
            assert_eq!(page.eval("matchMedia('(pointer: coarse)').matches").unwrap(), has_touch);
            // A field's name and a cause stand in rows, each with room of its own.
            let small = page
                .eval(&format!(
                    "[...document.querySelectorAll('.kh :is(button, select, input)')].filter(it => {{
                        const box = it.getBoundingClientRect();
                        return box.width && (box.width < {least} - .1 || box.height < {least} - .1) && !it.closest('.ch, .fold');
                    }}).map(it => it.outerHTML.slice(0, 120))"
                ))
                .unwrap();
            assert_eq!(small.as_array().map(Vec::len), Some(0), "{width} {least}: {small:#}");
        }
    }
}

#[test]
fn the_focus_goes_into_what_opens_and_comes_back() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    page.navigate(server.url()).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Text view\"]')").unwrap();
    page.eval("document.querySelector('[aria-label=\"Text view\"]').focus()").unwrap();
    page.press("Enter").unwrap();
    page.wait_until("document.activeElement.closest('.textview')").unwrap();
    let listed =
        "document.querySelectorAll('.textview li').length === Number(document.querySelector('input[type=range]').max)";
    assert_eq!(page.eval(listed).unwrap(), true);
    page.press("Escape").unwrap();
    page.wait_until("!document.querySelector('.sheet')").unwrap();
    page.wait_until("document.activeElement.getAttribute('aria-label') === 'Text view'").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
