//! The walk from its first step to its last, as people walk it.

use kubehop_e2e::{Page, measure_next, median, serve_dist};

const STEP: &str = "Number(document.querySelector('input[type=range]').value)";
const N_STEPS: &str = "Number(document.querySelector('input[type=range]').max)";
/// Texts of the canvas that are not wholly on it.
const OUTSIDE: &str = "[...document.querySelectorAll('.canvas text')].filter(text => {
    const box = text.getBoundingClientRect(), canvas = text.ownerSVGElement.getBoundingClientRect();
    return box.left < canvas.left || box.right > canvas.right;
}).map(text => text.textContent)";

fn open(fragment: &str) -> (xtask::server::Server, Page) {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 720).unwrap();
    page.navigate(&format!("{}{fragment}", server.url())).unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
    (server, page)
}

#[test]
fn the_keyboard_alone_walks_to_the_end_without_a_complaint() {
    let (_server, mut page) = open("");
    // Nothing moves before the focus is in the page.
    page.press("ArrowRight").unwrap();
    assert_eq!(page.eval(STEP).unwrap(), 1);
    page.press("Tab").unwrap();
    let n_steps = page.eval(N_STEPS).unwrap().as_u64().unwrap();
    assert!(n_steps > 100, "{n_steps}");
    for tabs in 0..40 {
        if page.eval("document.activeElement?.getAttribute('aria-label') === 'Next step'").unwrap() == true {
            break;
        }
        assert!(tabs < 39, "Tab does not reach Next");
        page.press("Tab").unwrap();
    }
    for _ in 1..n_steps {
        page.press("ArrowRight").unwrap();
    }
    page.wait_until(&format!("{STEP} === {n_steps}")).unwrap();
    page.press("ArrowRight").unwrap();
    assert_eq!(page.eval(STEP).unwrap(), n_steps);
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn hops_and_both_ends_have_keys() {
    let (_server, mut page) = open("");
    page.eval("document.querySelector('[aria-label=\"Next step\"]').focus()").unwrap();
    page.press("PageDown").unwrap();
    page.wait_until(&format!("{STEP} > 2")).unwrap();
    page.press("PageUp").unwrap();
    page.wait_until(&format!("{STEP} === 1")).unwrap();
    page.press("End").unwrap();
    page.wait_until(&format!("{STEP} === {N_STEPS}")).unwrap();
    page.press("Home").unwrap();
    page.wait_until(&format!("{STEP} === 1")).unwrap();
    // The slider moves by one step, not by its own idea of one and ours besides.
    page.eval("document.querySelector('input[type=range]').focus()").unwrap();
    page.press("ArrowRight").unwrap();
    page.wait_until(&format!("{STEP} === 2")).unwrap();
}

#[test]
fn every_kind_of_walk_is_walked_without_a_complaint() {
    let walks = [
        "#to=http://10.244.0.3:8080",
        "#from=pod/default/duo&to=http://127.0.0.1:9090",
        "#from=node/node-a&to=http://10.244.0.3:8080",
        "#from=node/node-a&to=http://10.244.1.2:8080",
        "#to=ping://172.18.0.2",
        "#cni=flannel/host-gw",
        "#from=host/laptop&to=ping://172.18.0.3",
        "#to=udp://10.244.1.3:8125&size=3000",
        "#to=ping://10.244.1.2&size=2000&df=1",
        "#to=tcp://10.244.1.2:9999",
        "#mtu=9000&size=20000&reply=20000",
    ];
    for walk in walks {
        let (_server, mut page) = open(walk);
        page.eval("document.querySelector('[aria-label=\"Next step\"]').focus()").unwrap();
        let n_steps = page.eval(N_STEPS).unwrap().as_u64().unwrap();
        for _ in 1..n_steps.min(120) {
            page.press("ArrowRight").unwrap();
        }
        page.press("End").unwrap();
        page.wait_until(&format!("{STEP} === {n_steps}")).unwrap();
        assert_eq!(page.eval(&format!("{OUTSIDE}.join()")).unwrap(), "", "{walk}");
        assert_eq!(page.complaints().unwrap(), Vec::<String>::new(), "{walk}");
    }
}

#[test]
fn a_packet_in_motion_is_never_cut() {
    // Past the edges of both machines, and with the envelope that is the widest packet of all.
    let (_server, mut page) = open("#step=http.syn-ack.node-b.outer-confirm-postrouting");
    page.eval("document.querySelector('[aria-label=\"Next step\"]').focus()").unwrap();
    for _ in 0..8 {
        page.press("ArrowRight").unwrap();
        let cut = page
            .eval(&format!(
                "(() => {{
                    const motions = document.getAnimations();
                    return [1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap(tenth => {{
                        for (const motion of motions)
                            motion.currentTime = motion.effect.getComputedTiming().endTime * tenth / 10;
                        return {OUTSIDE};
                    }}).join();
                }})()"
            ))
            .unwrap();
        assert_eq!(cut, "", "after {}", page.eval("location.hash").unwrap());
    }
}

#[test]
fn next_is_quick() {
    let (_server, mut page) = open("");
    let times = measure_next(&mut page, 60).unwrap();
    let median = median(times);
    // The figure itself is in docs/PERFORMANCE.md; a busy machine must not fail this.
    assert!(median < 40.0, "Next takes {median} ms");
}
