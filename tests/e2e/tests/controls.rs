//! Every control can be used, on a wide page and on a narrow one, and the page goes on.

use std::collections::BTreeSet;

use kubehop_e2e::{Page, serve_dist};

/// Presses the next button that was not pressed before, and returns its name; `null` if there is none. Buttons of one list
/// are one button here. What opens above the page has buttons too, and they come next.
const PRESS: &str = "(async () => {
    const seen = window.pressed ??= new Set();
    const shown = [...document.querySelectorAll('.kh button')].filter(it => !it.disabled && it.getClientRects().length);
    const name = it => it.getAttribute('aria-label') || (it.closest('.stage, .tab, .ins, .crows') ? it.className : it.textContent);
    const fresh = shown.filter(it => !seen.has(name(it)));
    const above = fresh.filter(it => it.closest('.sheet'));
    const button = above.find(it => !/^(Close|Done)/.test(name(it))) ?? above[0] ?? fresh[0];
    if (!button) return null;
    const pressed = name(button);
    seen.add(pressed);
    button.click();
    await new Promise(done => setTimeout(done, 40));
    return pressed;
})()";

/// Chooses the next option of any menu that was not chosen before, and returns its name; `null` if there is none.
const CHOOSE: &str = "(async () => {
    const seen = window.chosen ??= new Set();
    for (const menu of document.querySelectorAll('.kh select'))
        for (const option of menu.options) {
            const name = `${menu.getAttribute('aria-label')}: ${option.text}`;
            if (option.disabled || seen.has(name)) continue;
            seen.add(name);
            menu.value = option.value;
            menu.dispatchEvent(new Event('change', { bubbles: true }));
            await new Promise(done => setTimeout(done, 40));
            return name;
        }
    return null;
})()";

/// Enters by another node.
const ENTER: &str = "(() => {
    const menu = document.querySelector('select[aria-label=\"Enters by\"]');
    menu.value = 'node-b';
    menu.dispatchEvent(new Event('change', { bubbles: true }));
})()";

/// Does one thing after the other until there is nothing new to do.
fn exhaust(page: &mut Page, script: &str) -> BTreeSet<String> {
    let mut done = BTreeSet::new();
    while let Some(name) = page.eval(script).unwrap().as_str() {
        done.insert(name.to_owned());
        assert!(done.len() < 300, "there is no end to it: {done:?}");
        page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
    }
    done
}

fn open_settings(page: &mut Page) {
    page.eval("document.querySelector('.settings') ?? document.querySelector('.top .more').click()").unwrap();
    page.wait_until("document.querySelector('.settings')").unwrap();
}

#[test]
fn every_control_can_be_used() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    for (width, height) in [(1280, 720), (360, 740)] {
        page.resize(width, height).unwrap();
        let fragment = "#from=host/laptop&to=http://10.96.45.67:80&do=-5%20delete%20pod/default/web-1";
        page.navigate(&format!("{}?{width}{fragment}", server.url())).unwrap();
        page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
        open_settings(&mut page);
        let chosen = exhaust(&mut page, CHOOSE);
        for menu in ["kube-proxy: ipvs", "kube-proxy: nftables", "Sender: laptop"] {
            assert!(chosen.contains(menu), "{width}: {chosen:?}");
        }
        // Only a client outside enters anywhere.
        page.navigate(&format!("{}?{width}-outside{fragment}", server.url())).unwrap();
        page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
        open_settings(&mut page);
        page.eval(ENTER).unwrap();
        page.wait_until("location.hash.includes('via=node-b')").unwrap();
        // One button of the settings leads away from them, and so does the next.
        let mut pressed = BTreeSet::new();
        for _ in 0..4 {
            open_settings(&mut page);
            pressed.extend(exhaust(&mut page, PRESS));
        }
        for button in ["Next step", "Previous step", "Play", "Last step", "Add", "Rules against services: a chart"] {
            assert!(pressed.contains(button), "{width}: {pressed:?}");
        }
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
