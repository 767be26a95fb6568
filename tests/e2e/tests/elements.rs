//! The element `<kube-hop>` in somebody else's page.

use kubehop_e2e::{Host, Page};

/// The strictest policy under which the page itself works.
const STRICT: &str = xtask::server::CONTENT_SECURITY_POLICY;

fn page_of(elements: &str) -> String {
    format!(
        "<!doctype html><html lang=en><title>host</title><link rel=icon href=data:,><body><script src=kubehop/kube-hop.js></script>{elements}"
    )
}

fn open(elements: &str) -> (Host, Page) {
    let host = Host::serve(&[("page.html", &page_of(elements))], &["kubehop"], STRICT).unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1280, 900).unwrap();
    page.navigate(&host.url("page.html")).unwrap();
    page.eval("window.hops = document.querySelectorAll('kube-hop'); window.step = i => hops[i].getState()?.step")
        .unwrap();
    (host, page)
}

const N_WASM: &str = "performance.getEntriesByType('resource').filter(it => it.name.endsWith('.wasm')).length";

#[test]
fn several_elements_share_one_program_and_nothing_else() {
    let (_host, mut page) = open(
        "<kube-hop load=eager step=http.syn.node-a.route></kube-hop>
         <kube-hop load=eager theme=dark cni=flannel/host-gw></kube-hop>",
    );
    page.wait_until("[...hops].every(hop => hop.getState())").unwrap();
    assert_eq!(page.eval(N_WASM).unwrap(), 1);
    assert_eq!(page.eval("step(0)").unwrap(), "http.syn.node-a.route");
    assert_eq!(page.eval("hops[1].getState().state").unwrap(), "v=1&cni=flannel/host-gw");
    let theme = "hops[1].shadowRoot.querySelector('.kh').dataset.theme";
    assert_eq!(page.eval(theme).unwrap(), "dark");
    // Keys belong to the element that has the focus, and to none if none has it.
    page.press("ArrowRight").unwrap();
    assert_eq!(
        page.eval("[hops[0].getState().index > 0, hops[1].getState().index]").unwrap(),
        serde_json::json!([true, 0])
    );
    page.eval("hops[1].shadowRoot.querySelector('[aria-label=\"Next step\"]').focus()").unwrap();
    page.press("ArrowRight").unwrap();
    page.wait_until("hops[1].getState().index === 1").unwrap();
    assert_eq!(page.eval("step(0)").unwrap(), "http.syn.node-a.route");
    assert_eq!(page.eval("location.hash").unwrap(), "");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn methods_step_and_events_tell() {
    let (_host, mut page) = open("<kube-hop load=click></kube-hop>");
    page.eval(
        "window.heard = []; for (const type of ['ready', 'stepchange', 'disposition', 'resize'])
            document.addEventListener(type, event => heard.push([type, event.composed, event.detail.step]))",
    )
    .unwrap();
    assert_eq!(page.eval("hops[0].getState()").unwrap(), serde_json::Value::Null);
    assert_eq!(page.eval("hops[0].shadowRoot.querySelector('img').naturalWidth > 0 || 'no picture'").unwrap(), true);
    page.eval("hops[0].shadowRoot.querySelector('button').click()").unwrap();
    page.wait_until("heard.some(([type]) => type === 'ready')").unwrap();
    page.eval("hops[0].next(); hops[0].next(); hops[0].previous()").unwrap();
    assert_eq!(page.eval("hops[0].getState().index").unwrap(), 1);
    page.wait_until("heard.some(([type]) => type === 'stepchange')").unwrap();
    assert_eq!(page.eval("hops[0].goTo('http.syn.node-a.encap')").unwrap(), true);
    assert_eq!(page.eval("hops[0].goTo('nowhere')").unwrap(), false);
    assert_eq!(page.eval("step(0)").unwrap(), "http.syn.node-a.encap");
    page.eval("hops[0].play()").unwrap();
    assert_eq!(page.eval("hops[0].getState().playing").unwrap(), true);
    page.eval("hops[0].pause()").unwrap();
    assert_eq!(page.eval("hops[0].getState().playing").unwrap(), false);
    page.eval("hops[0].setState('v=1&cni=calico/ipip')").unwrap();
    page.wait_until("heard.at(-1)[2] === step(0)").unwrap();
    page.eval("hops[0].shadowRoot.querySelector('[aria-label=\"Last step\"]').click()").unwrap();
    page.wait_until("heard.some(([type]) => type === 'disposition')").unwrap();
    assert_eq!(page.eval("hops[0].getState().disposition").unwrap(), "delivered");
    assert_eq!(page.eval("heard.every(([, composed]) => composed)").unwrap(), true);
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn attributes_are_followed_and_a_moved_element_goes_on() {
    let (_host, mut page) = open("<main></main><kube-hop load=visible></kube-hop>");
    page.wait_until("hops[0].getState()").unwrap();
    page.eval("hops[0].setAttribute('step', 'http.syn.node-a.encap')").unwrap();
    page.wait_until("step(0) === 'http.syn.node-a.encap'").unwrap();
    page.eval("hops[0].setAttribute('controls', 'none')").unwrap();
    page.wait_until("hops[0].getState() && !hops[0].shadowRoot.querySelector('.bar')").unwrap();
    assert_eq!(page.eval("step(0)").unwrap(), "http.syn.node-a.encap");
    page.eval("document.querySelector('main').append(hops[0])").unwrap();
    page.wait_until("step(0) === 'http.syn.node-a.encap'").unwrap();
    page.eval("hops[0].setAttribute('cni', 'flannel/host-gw')").unwrap();
    page.wait_until("hops[0].getState()?.state.includes('host-gw')").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn an_element_that_is_gone_leaves_nothing_behind() {
    let (_host, mut page) = open("<kube-hop load=eager></kube-hop>");
    page.wait_until("hops[0].getState()").unwrap();
    page.call("Performance.enable", serde_json::json!({})).unwrap();
    let mut figures = Vec::new();
    for _ in 0..3 {
        page.eval(
            "(async () => {
                for (let i = 0; i < 10; i++) {
                    const hop = document.createElement('kube-hop');
                    hop.setAttribute('load', 'eager');
                    document.body.append(hop);
                    await new Promise(done => hop.addEventListener('ready', done, { once: true }));
                    hop.next();
                    await new Promise(done => setTimeout(done, 30));
                    hop.remove();
                }
            })()",
        )
        .unwrap();
        for _ in 0..2 {
            page.call("HeapProfiler.collectGarbage", serde_json::json!({})).unwrap();
            page.eval("new Promise(done => setTimeout(done, 100))").unwrap();
        }
        let answer = page.call("Performance.getMetrics", serde_json::json!({})).unwrap();
        let metric = |name| {
            let all = answer["metrics"].as_array().unwrap();
            all.iter().find(|metric| metric["name"] == name).unwrap()["value"].as_f64().unwrap()
        };
        figures.push([metric("Nodes"), metric("JSEventListeners")]);
    }
    let [nodes, listeners] = [0, 1].map(|idx| figures[2][idx] - figures[1][idx]);
    // Yew never drops the listeners at a root, one for each kind of event: they stay with it. One element, still to be collected, has a thousand nodes.
    assert!(
        nodes < 2000.0 && listeners <= 100.0,
        "ten more elements left {nodes} nodes, {listeners} listeners: {figures:?}"
    );
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn the_layout_follows_the_element_and_not_the_window() {
    let (_host, mut page) = open("<main><kube-hop load=eager></kube-hop></main>");
    page.wait_until("hops[0].getState()?.layout === 'full'").unwrap();
    assert_eq!(page.eval("hops[0].offsetHeight").unwrap(), 720);
    page.eval("document.querySelector('main').style.width = '700px'").unwrap();
    page.wait_until("hops[0].getState().layout === 'rail' && hops[0].offsetHeight === 450").unwrap();
    for view in ["canvas", "headers", "tables"] {
        page.eval(&format!("hops[0].setAttribute('view', '{view}')")).unwrap();
        page.wait_until("hops[0].getState() && hops[0].shadowRoot.querySelectorAll('.panel > section').length === 1 && !hops[0].shadowRoot.querySelector('.ptabs')").unwrap();
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
